import { isFault } from "../../base/fault.ts";
import { type Millis, millis, seconds } from "../../base/units.ts";
import type { RuntimeVersion } from "../../model/runtime.ts";
import type { Runtime } from "../../ports/runtime.ts";
import { badAnswer, goneIsFine } from "./errors.ts";
import * as from from "./from-cri.ts";
import * as methods from "./methods.ts";
import { toContainerConfig, toResources, toSandboxConfig } from "./to-cri.ts";
import type { CallOptions, Transport } from "./transport.ts";

const POD_UID_LABEL = "io.kubernetes.pod.uid";
/** CRI's own version, not the runtime's: what a kubelet announces and expects since 1.5. */
const KUBE_CRI_VERSION = "0.1.0";
const CGROUP_DRIVERS = ["systemd", "cgroupfs"] as const;
/**
 * 68 years. A pod may be granted 292 times a billion years: gRPC can't write such a deadline, and throws where nobody catches; runtimes count
 * nanoseconds, and take what goes beyond 292 years for no time at all.
 */
const LONGEST_GRACE = seconds(2 ** 31 - 1);

/** Runtime port over one connection. `limit` is runtimeRequestTimeout; calls that CRI gives longer get longer. */
export function criRuntime(transport: Transport, limit: Millis, events: Runtime["events"]): Runtime {
  const options = (action: string, signal: AbortSignal, id?: string, timeout: Millis | undefined = limit) =>
    ({ action, signal, timeout, ...(id === undefined ? {} : { id }) }) satisfies CallOptions;
  const filter = (podUid: string | undefined) =>
    podUid === undefined ? {} : { filter: { labelSelector: { [POD_UID_LABEL]: podUid } } };

  return {
    version: (signal) => readVersion(transport, KUBE_CRI_VERSION, limit, signal),

    async status(signal) {
      const call = options("read status of container runtime", signal);
      const answer = await transport.unary(methods.status, {}, call);
      return from.fromStatus(answer, { call: "Status", ...call });
    },

    async cgroupDriver(signal) {
      const call = options("read configuration of container runtime", signal);
      try {
        const { linux } = await transport.unary(methods.runtimeConfig, {}, call);
        if (!linux) return undefined;
        const driver = CGROUP_DRIVERS[linux.cgroupDriver ?? 0];
        if (driver === undefined) {
          throw badAnswer({ call: "RuntimeConfig", ...call }, `unknown cgroup driver ${linux.cgroupDriver}`);
        }
        return driver;
      } catch (error) {
        if (isFault(error, "runtime-unimplemented")) return undefined;
        throw error;
      }
    },

    async updatePodCidr(podCidr, signal) {
      const request = { runtimeConfig: { networkConfig: { podCidr } } };
      await transport.unary(methods.updateRuntimeConfig, request, options(`set pod CIDR ${podCidr}`, signal));
    },

    async runSandbox(config, runtimeHandler, signal) {
      const { namespace, name } = config.metadata;
      const call = options(`run sandbox of pod ${namespace}/${name}`, signal, undefined, millis(limit * 2));
      const request = { config: toSandboxConfig(config), runtimeHandler };
      const answer = await transport.unary(methods.runPodSandbox, request, call);
      return from.required(answer.podSandboxId, "no pod_sandbox_id", { call: "RunPodSandbox", ...call });
    },
    async stopSandbox(id, signal) {
      const call = options(`stop sandbox ${short(id)}`, signal, id);
      await goneIsFine(transport.unary(methods.stopPodSandbox, { podSandboxId: id }, call));
    },
    async removeSandbox(id, signal) {
      const call = options(`remove sandbox ${short(id)}`, signal, id);
      await goneIsFine(transport.unary(methods.removePodSandbox, { podSandboxId: id }, call));
    },
    async sandboxStatus(id, signal) {
      const call = options(`read status of sandbox ${short(id)}`, signal, id);
      const answer = await transport.unary(methods.podSandboxStatus, { podSandboxId: id }, call);
      return from.fromSandboxStatus(answer.status, { call: "PodSandboxStatus", ...call });
    },
    async listSandboxes(podUid, signal) {
      const call = options("list sandboxes", signal);
      const { items } = await transport.unary(methods.listPodSandbox, filter(podUid), call);
      return (items ?? []).map((item) => from.fromSandbox(item, { call: "ListPodSandbox", ...call }));
    },

    async createContainer(sandboxId, container, sandbox, signal) {
      // No id in the attempt's fault: "not found" may mean the sandbox or the image.
      const call = options(`create container ${JSON.stringify(container.name)}`, signal);
      const request = {
        podSandboxId: sandboxId,
        config: toContainerConfig(container),
        sandboxConfig: toSandboxConfig(sandbox),
      };
      const answer = await transport.unary(methods.createContainer, request, call);
      return from.required(answer.containerId, "no container_id", { call: "CreateContainer", ...call });
    },
    async startContainer(id, signal) {
      const call = options(`start container ${short(id)}`, signal, id);
      await transport.unary(methods.startContainer, { containerId: id }, call);
    },
    async stopContainer(id, asked, signal) {
      const grace = millis(Math.min(asked, LONGEST_GRACE));
      const call = options(`stop container ${short(id)}`, signal, id, millis(limit + grace));
      const request = { containerId: id, timeout: wholeSeconds(grace) };
      await goneIsFine(transport.unary(methods.stopContainer, request, call));
    },
    async removeContainer(id, signal) {
      const call = options(`remove container ${short(id)}`, signal, id);
      await goneIsFine(transport.unary(methods.removeContainer, { containerId: id }, call));
    },
    async containerStatus(id, signal) {
      const call = options(`read status of container ${short(id)}`, signal, id);
      const answer = await transport.unary(methods.containerStatus, { containerId: id }, call);
      return from.fromContainerStatus(answer.status, { call: "ContainerStatus", ...call });
    },
    async listContainers(podUid, signal) {
      const call = options("list containers", signal);
      const { containers } = await transport.unary(methods.listContainers, filter(podUid), call);
      return (containers ?? []).map((item) => from.fromContainer(item, { call: "ListContainers", ...call }));
    },
    async updateContainerResources(id, resources, signal) {
      const call = options(`update resources of container ${short(id)}`, signal, id);
      const request = { containerId: id, linux: toResources(resources) };
      await transport.unary(methods.updateContainerResources, request, call);
    },
    async reopenContainerLog(id, signal) {
      const call = options(`reopen log of container ${short(id)}`, signal, id);
      await transport.unary(methods.reopenContainerLog, { containerId: id }, call);
    },
    async execSync(id, command, timeout, signal) {
      const call: CallOptions = {
        action: `run command in container ${short(id)}`,
        signal,
        id,
        timeout: timeout === 0 ? undefined : millis(limit + timeout),
      };
      const request = { containerId: id, cmd: [...command], timeout: wholeSeconds(timeout) };
      const answer = await transport.unary(methods.execSync, request, call);
      return { stdout: answer.stdout, stderr: answer.stderr, exitCode: answer.exitCode };
    },
    async exec(id, { command, ...streams }, signal) {
      const call = options(`exec in container ${short(id)}`, signal, id);
      const request = { containerId: id, cmd: [...command], ...streams };
      const { url } = await transport.unary(methods.exec, request, call);
      return from.required(url, "no url", { call: "Exec", ...call });
    },
    async attach(id, streams, signal) {
      const call = options(`attach to container ${short(id)}`, signal, id);
      const { url } = await transport.unary(methods.attach, { containerId: id, ...streams }, call);
      return from.required(url, "no url", { call: "Attach", ...call });
    },
    async portForward(sandboxId, ports, signal) {
      const call = options(`forward ports of sandbox ${short(sandboxId)}`, signal, sandboxId);
      const request = { podSandboxId: sandboxId, port: [...ports] };
      const { url } = await transport.unary(methods.portForward, request, call);
      return from.required(url, "no url", { call: "PortForward", ...call });
    },
    async containerStats(podUid, signal) {
      const call = options("list container stats", signal);
      const { stats } = await transport.unary(methods.listContainerStats, filter(podUid), call);
      return (stats ?? []).map((item) => from.fromStats(item, { call: "ListContainerStats", ...call }));
    },

    events,
  };
}

/** `Version`; `announced` is empty at the first contact and CRI's version later. */
export async function readVersion(
  transport: Transport,
  announced: string,
  limit: Millis,
  signal: AbortSignal,
): Promise<RuntimeVersion> {
  const call: CallOptions = { action: "read version of container runtime", signal, timeout: limit };
  const attempt = { call: "Version", ...call };
  const answer = await transport.unary(methods.version, { version: announced }, call);
  if (announced === "" && answer.version !== KUBE_CRI_VERSION) {
    throw badAnswer(attempt, `CRI version ${JSON.stringify(answer.version)}, need ${KUBE_CRI_VERSION}`);
  }
  return from.fromVersion(answer, attempt);
}

/** CRI counts in seconds; rounding up never takes time from a container. */
const wholeSeconds = (span: Millis): number => Math.ceil(span / 1000);

/** Ids are 64 hex digits; the first 12 are what every tool shows. */
const short = (id: string): string => id.slice(0, 12);
