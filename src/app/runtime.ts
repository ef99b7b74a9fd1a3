import { DEFAULT_POD_CIDR, discoverEndpoint, startEmbedded } from "../adapters/containerd/index.ts";
import { type Cri, connectCri, type RuntimeProfile } from "../adapters/cri/index.ts";
import { KubeletError } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { seconds } from "../base/units.ts";
import { isGiven, type KubeletConfig } from "../config/index.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";

export interface RuntimeDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface OpenRuntime {
  readonly cri: Cri;
  readonly endpoint: string;
  readonly profile: RuntimeProfile;
  /** Hands a range of pod addresses on to whatever makes the pods' network. */
  readonly usePodCidr: (podCidrs: string, signal: AbortSignal) => Promise<void>;
  /** There is no pod network before the range is known. */
  readonly waitsForPodCidr: boolean;
}

const PROBE_TIMEOUT = seconds(5);

/** Which runtime this run uses: decided before logs and directories are laid out. */
export async function chooseRuntime(config: KubeletConfig, deps: RuntimeDeps, signal: AbortSignal) {
  const path = "containerRuntimeEndpoint";
  const given = isGiven(config, path) ? config.kubelet.containerRuntimeEndpoint : undefined;
  return discoverEndpoint(
    { rootDir: config.flags.rootDir, flag: given, file: undefined },
    (endpoint, stop) =>
      withCri(endpoint, deps, async ({ runtime }) =>
        (await runtime.listSandboxes(undefined, stop)).map(({ metadata }) => metadata.uid),
      ),
    signal,
  );
}

type Choice = Awaited<ReturnType<typeof chooseRuntime>>;

/**
 * Connects to the chosen runtime, after starting it where it is our own.
 * @throws KubeletError `start-refused`, or the fault of the first check that failed
 */
export async function openRuntime(
  choice: Choice,
  config: KubeletConfig,
  deps: RuntimeDeps,
  signal: AbortSignal,
): Promise<OpenRuntime> {
  const { kubelet } = config;
  let endpoint: string;
  let usePodCidr: OpenRuntime["usePodCidr"] = (podCidrs, stop) => cri.runtime.updatePodCidr(podCidrs, stop);
  let waitsForPodCidr = false;
  if (choice.kind === "embedded") {
    const embedded = await startEmbedded(
      {
        rootDir: config.flags.rootDir,
        // In a cluster the range is the cluster's to give, as upstream has it.
        podCidr: config.standalone ? kubelet.podCIDR || DEFAULT_POD_CIDR : undefined,
        cniBinDirs: [],
        cgroupDriver: kubelet.cgroupDriver === "systemd" ? "systemd" : "cgroupfs",
        logLevel: "info",
      },
      {
        ...deps,
        probe: (at, stop) => withCri(at, deps, async ({ runtime }) => void (await runtime.version(stop))),
        hasImage: (at, image, stop) =>
          withCri(at, deps, async ({ images }) => (await images.imageStatus(image, stop)) !== undefined),
      },
      signal,
    );
    endpoint = embedded.endpoint;
    usePodCidr = (podCidrs) => embedded.usePodCidr(podCidrs);
    waitsForPodCidr = embedded.podCidr === undefined;
  } else {
    endpoint = choice.endpoint;
  }
  const cri = connectCri({
    ...deps,
    endpoint,
    ...(kubelet.imageServiceEndpoint ? { imageEndpoint: kubelet.imageServiceEndpoint } : {}),
    requestTimeout: kubelet.runtimeRequestTimeout,
  });
  const profile = await cri.check(signal);
  if ((profile.cgroupDriver ?? kubelet.cgroupDriver) === "systemd") {
    throw new KubeletError(
      "Cannot use cgroup driver systemd: it comes in a later release; set the runtime and cgroupDriver to cgroupfs",
      { code: "start-refused", what: "cgroup driver" },
    );
  }
  return { cri, endpoint, profile, usePodCidr, waitsForPodCidr };
}

/** One use of a connection of its own. */
async function withCri<T>(endpoint: string, deps: RuntimeDeps, use: (cri: Cri) => Promise<T>): Promise<T> {
  const cri = connectCri({ ...deps, endpoint, requestTimeout: PROBE_TIMEOUT });
  try {
    return await use(cri);
  } finally {
    cri.close();
  }
}
