import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { createHttpServers } from "../adapters/http/index.ts";
import {
  createCgroups,
  createClock,
  createFiles,
  createHttpClient,
  createLog,
  createLogFiles,
  createMounts,
  createRandom,
  detectHost,
  lockRootDirectory,
  waitForLockFile,
} from "../adapters/linux/index.ts";
import { KubeletError } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { type KubeletConfig, loadConfig } from "../config/index.ts";
import { nodeCredentials } from "../images/index.ts";
import { parseResolvConf } from "../network/index.ts";
import { containerResources, createPodCgroups, podCgroup, sandboxResources } from "../resources/index.ts";
import { readSources } from "../sources/index.ts";
import { createVolumes } from "../volumes/index.ts";
import { type Core, openCore, podCgroupVerbs } from "./core.ts";
import { textOfLog } from "./log-tail.ts";
import { nodeAddresses } from "./machine.ts";
import { chooseRuntime, openRuntime } from "./runtime.ts";
import { serve } from "./serve.ts";
import { coreSettings, logPlaces, type Machine, podCgroupOptions, resourceFacts } from "./settings.ts";

const MAX_RESOLV_CONF = 1024 * 1024;

/**
 * Runs the kubelet until the signal aborts. Returns the text of `--help` or `--version` instead, where that was asked for.
 * @throws KubeletError where the node can't be started
 */
export async function runKubelet(argv: readonly string[], signal: AbortSignal): Promise<string | undefined> {
  const host = detectHost();
  const loaded = await loadConfig({
    argv,
    facts: { cgroupVersion: host.cgroupVersion, hostname: host.hostname, cwd: process.cwd() },
    readFile: (path) => readFile(path, "utf8"),
    listConfigDir: listTree,
  });
  if (loaded.kind !== "run") return loaded.text;
  if (!host.root) {
    throw new KubeletError(
      "Cannot run as an ordinary user: a kubelet mounts, makes cgroups and networks; start it as root",
      {
        code: "start-refused",
        what: "user",
      },
    );
  }
  const { config } = loaded;
  const log = logFor(config);
  await runNode(config, host, log, signal);
  return undefined;
}

async function runNode(
  config: KubeletConfig,
  host: ReturnType<typeof detectHost>,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  for (const warning of config.warnings) log.warn(warning);
  refuseSwap(config, host.swapOn);
  const { rootDir, lockFile } = config.flags;
  const clock = createClock();
  const random = createRandom();
  const files = createFiles();
  await using scope = new AsyncDisposableStack();
  await files.makeDirectory(rootDir, 0o750);
  scope.use(await lockRootDirectory(rootDir));
  if (lockFile) scope.use(await waitForLockFile(lockFile, signal));

  let core: Core | undefined;
  let cri: Awaited<ReturnType<typeof openRuntime>>["cri"] | undefined;
  let podLogsDir = config.kubelet.podLogsDir;
  const server = scope.use(
    await serve(
      config,
      {
        clock,
        files,
        log,
        logFiles: createLogFiles(),
        http: createHttpServers(log),
        cgroupVersion: host.cgroupVersion,
        core: () => core,
        runtime: () => cri?.runtime,
        podLogsDir: () => podLogsDir,
      },
      signal,
    ),
  );

  const deps = { clock, random, log };
  const choice = await chooseRuntime(config, deps, signal);
  const places = logPlaces(config, choice.kind === "embedded");
  podLogsDir = places.podLogsDir;
  const mounts = createMounts();
  const [runtime] = await Promise.all([openRuntime(choice, config, deps, signal), mounts.makeShared(rootDir)]);
  cri = runtime.cri;
  scope.defer(() => runtime.cri.close());
  log.info("Runtime is ready", { endpoint: runtime.endpoint, ...runtime.profile.version });

  const cgroups = createCgroups({ version: host.cgroupVersion, root: "/sys/fs/cgroup" });
  const machine: Machine = { ...host, hugepageSizes: cgroups.hugepageSizes() };
  const cgroupOptions = podCgroupOptions(config, machine, "cgroupfs");
  const podCgroups = createPodCgroups(cgroupOptions, cgroups, log);
  await podCgroups.openRoot();
  const facts = resourceFacts(config, machine);
  const volumes = createVolumes({ rootDir, facts, noswap: host.tmpfsNoswap }, { files, mounts });
  const settings = coreSettings(config, machine, places, {
    nodeIps: nodeAddresses(config.flags.nodeIP),
    runtimeName: runtime.profile.version.name,
    maskedPaths: [],
  });
  const { kubelet } = config;
  core = openCore(
    settings,
    {
      clock,
      random,
      log,
      files,
      volumes,
      runtime: runtime.cri.runtime,
      imageService: runtime.cri.images,
      cgroups: { ...podCgroupVerbs(podCgroups), parentOf: (pod) => podCgroup(pod, cgroupOptions).parent },
      readCredentials: nodeCredentials({ rootDir, homeDir: process.env.HOME }, files, log),
      logTail: textOfLog,
      sandboxResources: (pod) => sandboxResources(pod, facts),
      containerResources: (pod, container) => containerResources(pod, container, facts),
      subPath: (volume, path, target) => mounts.bindInside(volume, path, target),
      nodeDns: async () => ({
        resolver: kubelet.resolvConf ? parseResolvConf(await textOf(files, kubelet.resolvConf)) : undefined,
        clusterDns: kubelet.clusterDNS,
        clusterDomain: kubelet.clusterDomain,
        nodeIps: settings.nodeIps,
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
        { files, http: createHttpClient(), clock, log },
        signal,
      ),
    },
    signal,
  );
  // A main port that can't be opened ends the kubelet, as upstream's does.
  const portFailed = server.main.then(() => new Promise<never>(() => {}));
  await Promise.race([core.run(), portFailed]);
}

function refuseSwap(config: KubeletConfig, swapOn: boolean): void {
  if (!swapOn || !config.kubelet.failSwapOn) return;
  throw new KubeletError(
    "Cannot run with swap on: failSwapOn is true; turn swap off (swapoff -a) or set failSwapOn: false",
    { code: "start-refused", what: "swap" },
  );
}

function logFor({ kubelet: { logging } }: KubeletConfig): Log {
  return createLog({
    format: logging.format === "json" ? "json" : "text",
    verbosity: logging.verbosity,
    write: (line) => process.stderr.write(line),
  });
}

async function textOf(files: ReturnType<typeof createFiles>, path: string): Promise<string> {
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

async function listTree(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)));
}
