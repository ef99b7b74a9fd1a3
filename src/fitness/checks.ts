import { messageOf } from "../base/fault.ts";
import { seconds } from "../base/units.ts";
import { within } from "../base/within.ts";
import { nodeDnsWarnings, parseResolvConf } from "../network/index.ts";
import { judgeCgroups, judgeDriver } from "./cgroups.ts";
import type { Examiner } from "./examiner.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";
import {
  judgeKernel,
  judgeLimits,
  judgeModules,
  judgeSwap,
  judgeSysctls,
  LIMIT_NAMES,
  SYSCTL_NAMES,
  swapsOf,
  sysctlPath,
} from "./kernel.ts";
import { judgeClock, judgeNodeName, judgePort, judgeResolver, judgeServer } from "./network.ts";
import { judgeClientCa, judgeIdentity, judgePrograms, judgeRuntime, judgeSpace, PROGRAM_NAMES } from "./node.ts";

type Check = (examiner: Examiner, signal: AbortSignal) => Promise<readonly Finding[]>;

/** For each check: what hangs is a finding too. */
const PATIENCE = seconds(10);

/** Where a containerd that is not ours keeps images. */
const CONTAINERD = "/var/lib/containerd";

/** In the order in which they are shown. */
const CHECKS: { readonly [name: string]: Check } = {
  user: async ({ host }) => [
    host.root ? ok("user", "root") : problem("user", "not root", "run the kubelet, and this, as root"),
  ],
  kernel: async ({ host }) => [
    ...judgeKernel(host.kernel, host.cgroupVersion),
    ...(host.glibc === "" ? [] : [ok("C library", `glibc ${host.glibc}`)]),
  ],
  cgroups: checkCgroups,
  swap: async ({ config, machine }) =>
    judgeSwap(config.kubelet.failSwapOn, swapsOf((await machine.text("/proc/swaps")) ?? "")),
  modules: checkModules,
  sysctls: async ({ config, machine, runtime }, signal) => {
    const values = await textsOf(machine, SYSCTL_NAMES);
    const { facts } = await runtime(signal);
    return judgeSysctls(values, {
      embedded: facts.embedded,
      protectKernelDefaults: config.kubelet.protectKernelDefaults,
    });
  },
  limits: async ({ machine }) => {
    const open = /^Max open files\s+\S+\s+(\d+)/m.exec((await machine.text("/proc/self/limits")) ?? "")?.[1];
    return judgeLimits(await textsOf(machine, LIMIT_NAMES), open === undefined ? undefined : Number(open));
  },
  programs: async ({ machine }) => {
    const found = await Promise.all(PROGRAM_NAMES.map((name) => machine.hasProgram(name)));
    return judgePrograms(PROGRAM_NAMES.filter((_, at) => found[at]));
  },
  runtime: checkRuntime,
  ports: checkPorts,
  disk: checkDisk,
  reservations: async (examiner, signal) => {
    const advice = "lower kubeReserved, systemReserved or evictionHard";
    return (await examiner.reservations(signal)).map((one) => problem("reservations", one, advice));
  },
  "node name": async ({ config, machine }, signal) =>
    judgeNodeName(config.nodeName, await machine.lookup(config.nodeName, signal), config.standalone),
  DNS: checkDns,
  clock: async ({ machine, clock }) =>
    judgeClock({ synchronized: await machine.isClockSynchronized(), now: clock.wall() }),
  cluster: checkCluster,
};

/** Looks at everything at the same time. Never hangs, and never rejects but by `signal`. */
export async function examine(examiner: Examiner, signal: AbortSignal): Promise<readonly Finding[]> {
  const all = Object.entries(CHECKS).map(async ([name, check]) => {
    try {
      return await within(PATIENCE, examiner.clock, {
        work: (life) => check(examiner, life),
        late: () => [
          warning(name, `no answer within ${PATIENCE / 1000} s`, "something under it hangs: look there first"),
        ],
        signal,
      });
    } catch (error) {
      signal.throwIfAborted();
      return [warning(name, `can't be looked at: ${messageOf(error)}`, "look at it by hand")];
    }
  });
  return (await Promise.all(all)).flat();
}

async function textsOf(machine: Examiner["machine"], names: readonly string[]) {
  const texts = await Promise.all(names.map(async (name) => [name, await machine.text(sysctlPath(name))] as const));
  return Object.fromEntries(texts);
}

async function checkCgroups({ config, host, machine }: Examiner): Promise<readonly Finding[]> {
  const [controllers, handedOn, table, mounts] = await Promise.all([
    machine.text("/sys/fs/cgroup/cgroup.controllers"),
    machine.text("/sys/fs/cgroup/cgroup.subtree_control"),
    machine.text("/proc/cgroups"),
    machine.text("/proc/self/mounts"),
  ]);
  const words = (text: string | undefined) => (text ?? "").trim().split(/\s+/).filter(Boolean);
  // Name, hierarchy, number of cgroups, enabled.
  const old = (table ?? "").split("\n").filter((line) => /^[a-z_]+\s+\d+\s+\d+\s+1$/.test(line));
  return judgeCgroups({
    version: host.cgroupVersion,
    hybrid: host.cgroupVersion === 1 && / cgroup2 /.test(mounts ?? ""),
    controllers: host.cgroupVersion === 2 ? words(controllers) : old.map((line) => line.split(/\s/)[0] ?? ""),
    handedOn: words(handedOn),
    failCgroupV1: config.kubelet.failCgroupV1,
  });
}

async function checkModules({ machine }: Examiner): Promise<readonly Finding[]> {
  const [filesystems, bridge, folders, modprobe] = await Promise.all([
    machine.text("/proc/filesystems"),
    machine.text(sysctlPath("net.bridge.bridge-nf-call-iptables")),
    machine.names("/lib/modules"),
    machine.hasProgram("modprobe"),
  ]);
  return judgeModules({
    overlay: /\toverlay$/m.test(filesystems ?? ""),
    bridgeNetfilter: bridge !== undefined,
    loadable: modprobe && folders.length > 0,
  });
}

async function checkRuntime(examiner: Examiner, signal: AbortSignal): Promise<readonly Finding[]> {
  const { config, machine } = examiner;
  const [{ facts, driver }, init] = await Promise.all([examiner.runtime(signal), machine.text("/proc/1/comm")]);
  const asked = facts.trouble === undefined && facts.version !== undefined;
  const drivers = {
    configured: config.kubelet.cgroupDriver,
    runtime: driver,
    embedded: facts.embedded,
    systemd: init?.trim() === "systemd",
  };
  return [...judgeRuntime(facts), ...(asked || facts.embedded ? judgeDriver(drivers) : [])];
}

async function checkPorts({ config, machine }: Examiner): Promise<readonly Finding[]> {
  const { kubelet, flags } = config;
  const lock = await machine.text(`${flags.rootDir}/.kubelet-ts.lock`);
  const ownPid = /^\d+\s*$/.test(lock ?? "") ? Number(lock) : undefined;
  const ports = [
    ...(kubelet.enableServer ? [{ option: "port", host: kubelet.address, port: kubelet.port }] : []),
    { option: "readOnlyPort", host: kubelet.address, port: kubelet.readOnlyPort },
    { option: "healthzPort", host: kubelet.healthzBindAddress, port: kubelet.healthzPort },
  ].filter(({ port }) => port > 0);
  const found = ports.map(async ({ option, host, port }) =>
    judgePort({ option, port, taken: await machine.portHolder(host, port), ownPid }),
  );
  return (await Promise.all(found)).flat();
}

async function checkDisk({ config, machine }: Examiner, signal: AbortSignal): Promise<readonly Finding[]> {
  const { rootDir } = config.flags;
  const { evictionHard, podLogsDir } = config.kubelet;
  const places = [
    { what: "root directory", path: rootDir, signalName: "nodefs" },
    { what: "pod logs", path: podLogsDir, signalName: "nodefs" },
    ...((await machine.names(CONTAINERD)).length > 0
      ? [{ what: "images", path: CONTAINERD, signalName: "imagefs" }]
      : []),
  ];
  const found = places.map(async ({ what, path, signalName }) => {
    const limits = {
      available: evictionHard[`${signalName}.available`],
      inodesFree: evictionHard[`${signalName}.inodesFree`],
    };
    try {
      return judgeSpace({ what, path, space: await machine.space(path, signal), ...limits });
    } catch (error) {
      return judgeSpace({ what, path, space: undefined, trouble: messageOf(error), ...limits });
    }
  });
  return (await Promise.all(found)).flat();
}

async function checkDns({ config, machine }: Examiner): Promise<readonly Finding[]> {
  const { resolvConf, clusterDomain } = config.kubelet;
  const text = resolvConf === "" ? undefined : await machine.text(resolvConf);
  if (text === undefined) return judgeResolver(resolvConf, undefined, "it is not there, or can't be read", []);
  try {
    const resolver = parseResolvConf(text);
    const limits = nodeDnsWarnings(resolvConf, resolver, clusterDomain).map(({ message }) => message);
    return judgeResolver(resolvConf, resolver, "", limits);
  } catch (error) {
    return judgeResolver(resolvConf, undefined, messageOf(error), []);
  }
}

async function checkCluster(examiner: Examiner, signal: AbortSignal): Promise<readonly Finding[]> {
  const { config, machine, clock } = examiner;
  const clientCa = config.kubelet.authentication.x509.clientCAFile;
  const ca = judgeClientCa(clientCa, clientCa === "" ? undefined : await examiner.clientCaTrouble(clientCa));
  const identity = await examiner.identity();
  if (identity === undefined) return [...ca, ok("cluster", "none: no kubeconfig")];
  const { facts, server } = identity;
  const found = [...judgeIdentity(facts), ...ca];
  if (server === undefined) return found;
  const { url } = server;
  if (server.proxied) return [...found, ok("API server", `${url}, through a proxy: not asked`)];
  const asked = clock.wall();
  try {
    const { status, date } = await machine.ask(`${url.replace(/\/$/, "")}/version`, server, signal);
    const told = { url, status, ...(date === undefined ? {} : { date: new Date(date) }) };
    return [...found, ...judgeServer({ ...told, asked, answered: clock.wall() })];
  } catch (error) {
    signal.throwIfAborted();
    return [...found, ...judgeServer({ url, trouble: messageOf(error), asked, answered: clock.wall() })];
  }
}
