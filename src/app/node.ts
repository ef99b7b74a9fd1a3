import type { Cri } from "../adapters/cri/index.ts";
import { createHttpServers } from "../adapters/http/index.ts";
import {
  createHttpClient,
  createLogFiles,
  createMounts,
  createProbeNetwork,
  type HostFacts,
} from "../adapters/linux/index.ts";
import { KubeletError } from "../base/fault.ts";
import { goDuration } from "../base/go-duration.ts";
import type { Log } from "../base/log.ts";
import { seconds } from "../base/units.ts";
import type { KubeletConfig } from "../config/index.ts";
import { measuredImages, measuredRuntime } from "../metrics/index.ts";
import { parseResolvConf } from "../network/index.ts";
import type { Clock } from "../ports/clock.ts";
import type { Files } from "../ports/files.ts";
import type { Random } from "../ports/random.ts";
import type { Images } from "../ports/runtime.ts";
import {
  type CgroupDriver,
  containerResources,
  createPodCgroups,
  podCgroup,
  sandboxResources,
} from "../resources/index.ts";
import type { Told } from "../service/index.ts";
import { readSources } from "../sources/index.ts";
import { createVolumes } from "../volumes/index.ts";
import { setOwnOomScore, startEvents } from "./announce.ts";
import { openCgroups } from "./cgroups.ts";
import type { Cluster } from "./cluster.ts";
import { openCore, podCgroupVerbs } from "./core.ts";
import type { Core } from "./core-doors.ts";
import { imageAccess } from "./image-access.ts";
import { textOfLog } from "./log-tail.ts";
import { nodeAddresses } from "./machine.ts";
import { coreMetrics, countOldRuntime, nodeMetrics } from "./node-metrics.ts";
import { refuseReservations } from "./reservations.ts";
import { healthChecks, serve } from "./serve.ts";
import { coreSettings, logPlaces, type Machine, podCgroupOptions, resourceFacts } from "./settings.ts";
import { openShutdown } from "./shutdown.ts";
import { nodeStatus } from "./told.ts";
import { withoutApi } from "./without-api.ts";

const MAX_RESOLV_CONF = 1024 * 1024;

export interface NodeDeps {
  readonly host: HostFacts;
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  readonly log: Log;
  /** Why log lines don't get out; undefined: they do. */
  readonly logProblem: () => string | undefined;
  /** Absent: no service manager wants to know. */
  readonly told?: Told | undefined;
}

/** Runs the node in a root directory that is ours. @throws KubeletError where it can't be started */
export async function runNode(
  config: KubeletConfig,
  { host, clock, random, files, log, logProblem, told }: NodeDeps,
  signal: AbortSignal,
): Promise<never> {
  const { rootDir } = config.flags;
  await setOwnOomScore(config.kubelet.oomScoreAdj, log);
  await refuseReservations(config, host, clock, signal);
  await using scope = new AsyncDisposableStack();
  let core: Core | undefined;
  let cgroupDriver: CgroupDriver | undefined;
  let cri: Cri | undefined;
  let podLogsDir = config.kubelet.podLogsDir;
  let cluster: Cluster | undefined;
  const metrics = nodeMetrics(config, host.cgroupVersion, () => core);
  const health = healthChecks(config, () => core, logProblem);
  const server = scope.use(
    await serve(
      config,
      {
        clock,
        files,
        log,
        logFiles: createLogFiles(),
        http: createHttpServers(log),
        metrics,
        healthChecks: health,
        core: () => core,
        cgroupDriver: () => cgroupDriver,
        runtime: () => cri?.runtime,
        images: () => cri?.images,
        kubeApi: () => cluster?.api,
        podLogsDir: () => podLogsDir,
      },
      signal,
    ),
  );

  // A main port that can't be opened ends the kubelet, as upstream's does.
  const portFailed = server.main.then(() => new Promise<never>(() => {}));
  portFailed.catch(() => {});
  const deps = { clock, random, log, cgroupVersion: host.cgroupVersion };
  if (!config.standalone) {
    const { openCluster } = await import("./cluster.ts");
    cluster = scope.use(await openCluster(config, { ...deps, files, metrics }, signal));
  }
  // Loaded here, and it is the half of our code: the doors answer first.
  const { chooseRuntime, openRuntime } = await import("./runtime.ts");
  told?.status("Starting: waiting for the container runtime");
  const choice = await chooseRuntime(config, deps, signal);
  const places = logPlaces(config, choice.kind === "embedded");
  podLogsDir = places.podLogsDir;
  const mounts = createMounts();
  const opening = Promise.all([openRuntime(choice, config, deps, signal), mounts.makeShared(rootDir)]);
  const [runtime] = await Promise.race([opening, portFailed]);
  cri = runtime.cri;
  scope.defer(() => runtime.cri.close());
  cgroupDriver = runtime.cgroupDriver;
  if (runtime.profile.cgroupDriver === undefined) countOldRuntime(metrics);
  log.info("Runtime is ready", { endpoint: runtime.endpoint, ...runtime.profile.version, cgroupDriver });

  const cgroups = await openCgroups(cgroupDriver, deps, signal);
  const machine: Machine = { ...host, hugepageSizes: cgroups.hugepageSizes() };
  const cgroupOptions = podCgroupOptions(config, machine, cgroupDriver);
  const podCgroups = createPodCgroups(cgroupOptions, cgroups, log);
  await podCgroups.openRoot();
  const facts = resourceFacts(config, machine);
  const references = cluster?.references ?? withoutApi;
  const volumes = createVolumes(
    { rootDir, facts, noswap: host.tmpfsNoswap },
    {
      files,
      mounts,
      clock,
      random,
      log,
      objects: references.objects,
      tokens: references.tokens,
      downward: () => settings,
    },
  );
  const ownAddresses = nodeAddresses(config.flags.nodeIP);
  const settings = coreSettings(config, machine, places, {
    nodeIps: () => {
      const registered = cluster?.registration()?.internalIps ?? [];
      return registered.length > 0 ? registered : ownAddresses;
    },
    runtimeName: runtime.profile.version.name,
    nodeAllocatable: () => cluster?.node.current()?.status?.allocatable ?? {},
    maskedPaths: host.maskedPaths,
  });
  const { kubelet } = config;
  const shutdown = await openShutdown(config, {
    ...{ clock, log, files, metrics },
    core: () => core,
    onChange: () => cluster?.registration()?.look(),
  });
  const measured = {
    runtime: measuredRuntime(runtime.cri.runtime, metrics, clock),
    images: toldImages(measuredImages(runtime.cri.images, metrics, clock), () =>
      cluster?.registration()?.imagesChanged(),
    ),
  };
  core = openCore(
    settings,
    {
      clock,
      random,
      log,
      files,
      network: createProbeNetwork(),
      volumes,
      references,
      cluster: cluster?.pods,
      node: cluster?.node,
      ...(cluster ? { onEvent: (event) => cluster.events.record(event) } : {}),
      runtime: measured.runtime,
      imageService: measured.images,
      networkProblem: () => cluster?.registration()?.networkProblem,
      closed: () => shutdown?.rejection,
      onRuntime: () => cluster?.registration()?.runtimeChanged(),
      ...coreMetrics(metrics),
      cgroups: { ...podCgroupVerbs(podCgroups), parentOf: (pod) => podCgroup(pod, cgroupOptions).parent },
      oomKills: async (pod, id) => {
        const { path } = podCgroup(pod, cgroupOptions);
        return path === "" ? undefined : cgroups.oomKills(`${path}/${containerCgroup(id, cgroupDriver)}`);
      },
      ...imageAccess(config, {
        files,
        images: measured.images,
        clock,
        log,
        objects: references.objects,
        homeDir: process.env.HOME,
      }),
      logTail: textOfLog,
      sandboxResources: (pod) => sandboxResources(pod, facts),
      containerResources: (pod, container) => containerResources(pod, container, facts),
      subPath: (volume, path, target) => mounts.bindInside(volume, path, target),
      nodeDns: async () => ({
        resolver: kubelet.resolvConf ? parseResolvConf(await textOf(files, kubelet.resolvConf)) : undefined,
        clusterDns: kubelet.clusterDNS,
        clusterDomain: kubelet.clusterDomain,
        nodeIps: settings.nodeIps,
        standalone: config.standalone,
      }),
      sources: readSources(
        {
          nodeName: config.nodeName,
          staticPodPath: kubelet.staticPodPath,
          fileCheckFrequency: kubelet.fileCheckFrequency,
          staticPodUrl: kubelet.staticPodURL,
          staticPodUrlHeader: kubelet.staticPodURLHeader,
          httpCheckFrequency: kubelet.httpCheckFrequency,
        },
        { files, http: createHttpClient(), clock, log, api: cluster?.pods.source },
        signal,
      ),
    },
    signal,
  );
  const resolvConfText = kubelet.resolvConf
    ? await textOf(files, kubelet.resolvConf).catch(() => undefined)
    : undefined;
  const { resolvConf, clusterDomain, cgroupsPerQOS } = kubelet;
  const startFacts = { cgroupVersion: host.cgroupVersion, cgroupsPerQOS, resolvConf, resolvConfText, clusterDomain };
  for (const event of startEvents(startFacts)) core.events.record(event);
  void keepSmall(signal);
  const { events, run, ringAll, runtimeSilence } = core;
  const registered = cluster?.run(
    {
      ...measured,
      events,
      cgroupVersion: host.cgroupVersion,
      usePodCidr: runtime.usePodCidr,
      waitsForPodCidr: runtime.waitsForPodCidr,
      moreProblems: () => silenceProblems(runtimeSilence()),
      lastProblem: () => shutdown?.problem,
      onNetworkReady: ringAll,
    },
    signal,
  );
  const upFor =
    told &&
    (async () => {
      await server.main;
      const pods = () => core?.posted().length ?? 0;
      const registration = () => cluster?.registration();
      const words = () =>
        nodeStatus(pods(), registration()?.networkProblem, cluster && registration()?.node !== undefined);
      return told.up(health, words, signal);
    })();
  return await Promise.race([
    run(),
    portFailed,
    ...(shutdown ? [shutdown.run(signal)] : []),
    ...[registered, upFor].filter((each) => each !== undefined),
  ]);
}

/** Upstream's threshold and words: a node whose runtime does not answer takes no more pods. */
const SILENCE_LIMIT = seconds(180);

function silenceProblems(silence: number): readonly string[] {
  if (silence <= SILENCE_LIMIT) return [];
  const since = goDuration(seconds(Math.floor(silence / 1000)));
  return [`PLEG is not healthy: pleg was last seen active ${since} ago; threshold is ${goDuration(SILENCE_LIMIT)}`];
}

/** The same images; `tell` is called when one came or went. */
function toldImages(images: Images, tell: () => void): Images {
  return {
    ...images,
    pullImage: async (...args) => {
      const image = await images.pullImage(...args);
      tell();
      return image;
    },
    removeImage: async (...args) => {
      await images.removeImage(...args);
      tell();
    },
  };
}

/** Loaded when the start is over. Ends with the signal; without it the kubelet is larger and nothing else. */
async function keepSmall(signal: AbortSignal): Promise<void> {
  const { tidyHeap } = await import("./tidy-heap.ts");
  await tidyHeap(signal).catch(() => {});
}

async function textOf(files: Files, path: string): Promise<string> {
  const content = await files.read(path, MAX_RESOLV_CONF);
  if (content) return new TextDecoder().decode(content);
  throw new KubeletError(
    `Cannot read resolvConf ${path}: it is not there; set resolvConf to the node's resolver file`,
    {
      code: "waiting",
      reason: "CreateContainerConfigError",
    },
  );
}

/** As containerd names it: the only runtime that tells of ends early. */
const containerCgroup = (id: string, driver: CgroupDriver | undefined): string =>
  driver === "systemd" ? `cri-containerd-${id}.scope` : id;
