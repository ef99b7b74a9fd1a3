import type { Millis } from "../base/units.ts";
import type {
  AttachRequest,
  ContainerConfig,
  ContainerExit,
  ContainerStats,
  ContainerStatus,
  ContainerSummary,
  ExecRequest,
  FilesystemUsage,
  ImageInfo,
  LinuxResources,
  RegistryAuth,
  RuntimeEvent,
  RuntimeStatus,
  RuntimeVersion,
  SandboxConfig,
  SandboxStatus,
  SandboxSummary,
} from "../model/runtime.ts";

/**
 * Sandboxes and containers (CRI v1 RuntimeService).
 * Every call throws KubeletError (`runtime-unavailable`, `-timeout`, `-unimplemented`, `-not-found`, `-refused`), or `signal.reason` when aborted.
 * Stop and remove are idempotent: something already gone is success. Deadlines are the adapter's (runtimeRequestTimeout and what CRI adds to it).
 */
export interface Runtime {
  version(signal: AbortSignal): Promise<RuntimeVersion>;
  status(signal: AbortSignal): Promise<RuntimeStatus>;
  /** The runtime's cgroup driver, undefined where it can't say. */
  cgroupDriver(signal: AbortSignal): Promise<"cgroupfs" | "systemd" | undefined>;
  updatePodCidr(cidr: string, signal: AbortSignal): Promise<void>;

  runSandbox(config: SandboxConfig, runtimeHandler: string, signal: AbortSignal): Promise<string>;
  stopSandbox(id: string, signal: AbortSignal): Promise<void>;
  removeSandbox(id: string, signal: AbortSignal): Promise<void>;
  sandboxStatus(id: string, signal: AbortSignal): Promise<SandboxStatus>;
  /** All sandboxes, or those of one pod. */
  listSandboxes(podUid: string | undefined, signal: AbortSignal): Promise<readonly SandboxSummary[]>;

  createContainer(
    sandboxId: string,
    container: ContainerConfig,
    sandbox: SandboxConfig,
    signal: AbortSignal,
  ): Promise<string>;
  startContainer(id: string, signal: AbortSignal): Promise<void>;
  /** Stop signal, then SIGKILL after `grace` (whole seconds). */
  stopContainer(id: string, grace: Millis, signal: AbortSignal): Promise<void>;
  removeContainer(id: string, signal: AbortSignal): Promise<void>;
  containerStatus(id: string, signal: AbortSignal): Promise<ContainerStatus>;
  listContainers(podUid: string | undefined, signal: AbortSignal): Promise<readonly ContainerSummary[]>;
  updateContainerResources(id: string, resources: LinuxResources, signal: AbortSignal): Promise<void>;
  reopenContainerLog(id: string, signal: AbortSignal): Promise<void>;
  execSync(
    id: string,
    command: readonly string[],
    timeout: Millis,
    signal: AbortSignal,
  ): Promise<{ readonly stdout: Uint8Array; readonly stderr: Uint8Array; readonly exitCode: number }>;

  /** URL of the runtime's streaming server, good for one connection. */
  exec(id: string, request: ExecRequest, signal: AbortSignal): Promise<string>;
  attach(id: string, request: AttachRequest, signal: AbortSignal): Promise<string>;
  portForward(sandboxId: string, ports: readonly number[], signal: AbortSignal): Promise<string>;
  /** All that run, or those of one pod. */
  containerStats(podUid: string | undefined, signal: AbortSignal): Promise<readonly ContainerStats[]>;

  /**
   * Hints from the runtime, for ever: the adapter reconnects by itself and picks the best source (CRI events, containerd's event
   * service). Yields `resync` whenever events may have been missed (first connect, each reconnect), and `lost` while no event source
   * is connected: the reader then lists by itself until the next `resync`. An `exited` is no hint: where the source knows of an end before the
   * runtime's answers do, it comes ahead of the `stopped`, which comes when they agree.
   *
   * @param isNews whether the end of the container or sandbox with this id is not known yet: what is needs not be told, or asked for
   */
  events(
    signal: AbortSignal,
    isNews?: (id: string) => boolean,
  ): AsyncIterable<RuntimeEvent | ContainerExit | { readonly kind: "resync" } | { readonly kind: "lost" }>;
}

/** CRI v1 ImageService. The same errors. */
export interface Images {
  /** undefined: not present. */
  imageStatus(image: string, signal: AbortSignal): Promise<ImageInfo | undefined>;
  /** Returns the reference to run. No deadline: cancel by the signal. */
  pullImage(
    image: string,
    auth: RegistryAuth | undefined,
    sandbox: SandboxConfig | undefined,
    signal: AbortSignal,
  ): Promise<string>;
  listImages(signal: AbortSignal): Promise<readonly ImageInfo[]>;
  removeImage(image: string, signal: AbortSignal): Promise<void>;
  imageFilesystems(signal: AbortSignal): Promise<readonly FilesystemUsage[]>;
}
