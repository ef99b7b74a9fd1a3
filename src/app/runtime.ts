import {
  DEFAULT_POD_CIDR,
  discoverEndpoint,
  driverFacts,
  embeddedCgroupDriver,
  startEmbedded,
} from "../adapters/containerd/index.ts";
import { type Cri, connectCri, type RuntimeProfile } from "../adapters/cri/index.ts";
import type { Log } from "../base/log.ts";
import { seconds } from "../base/units.ts";
import { isGiven, type KubeletConfig } from "../config/index.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import type { CgroupDriver } from "../resources/index.ts";

export interface RuntimeDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly cgroupVersion: 1 | 2;
}

export interface OpenRuntime {
  readonly cri: Cri;
  readonly endpoint: string;
  readonly profile: RuntimeProfile;
  /** What the runtime says it uses; where it does not say, what is configured. */
  readonly cgroupDriver: CgroupDriver;
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
  let cgroupDriver: CgroupDriver = kubelet.cgroupDriver === "systemd" ? "systemd" : "cgroupfs";
  if (choice.kind === "embedded") {
    const given = isGiven(config, "cgroupDriver") ? cgroupDriver : undefined;
    cgroupDriver = embeddedCgroupDriver(driverFacts(config.flags.rootDir, given, deps.cgroupVersion));
    const embedded = await startEmbedded(
      {
        rootDir: config.flags.rootDir,
        // In a cluster the range is the cluster's to give, as upstream has it.
        podCidr: config.standalone ? kubelet.podCIDR || DEFAULT_POD_CIDR : undefined,
        cniBinDirs: [],
        cgroupDriver,
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
  if (profile.cgroupDriver && isGiven(config, "cgroupDriver") && profile.cgroupDriver !== kubelet.cgroupDriver) {
    // As upstream: the runtime decides.
    const fields = { runtime: profile.cgroupDriver, cgroupDriver: kubelet.cgroupDriver };
    deps.log.warn("The runtime uses another cgroup driver than is configured, following the runtime", fields);
  }
  return { cri, endpoint, profile, cgroupDriver: profile.cgroupDriver ?? cgroupDriver, usePodCidr, waitsForPodCidr };
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
