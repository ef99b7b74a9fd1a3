import { type Finding, ok, problem, warning } from "./finding.ts";

/** "6.1.0-18-amd64": upstream's preflight wants 4.19 on, and 5.8 for cgroup v2. */
export function judgeKernel(release: string, cgroupVersion: 1 | 2): readonly Finding[] {
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number);
  const atLeast = (a: number, b: number) => major > a || (major === a && minor >= b);
  const about = "kernel";
  if (!atLeast(4, 19)) return [problem(about, `Linux ${release}`, "run Linux 4.19 or later; 5.8 with cgroup v2")];
  if (cgroupVersion === 2 && !atLeast(5, 8))
    return [
      warning(about, `Linux ${release} with cgroup v2`, "run Linux 5.8 or later: older ones lack parts of cgroup v2"),
    ];
  return [ok(about, `Linux ${release}`)];
}

export interface ModuleFacts {
  /** A file system that can be mounted now. */
  readonly overlay: boolean;
  /** Its sysctls are there. */
  readonly bridgeNetfilter: boolean;
  /** This machine can load modules by name: there is a modprobe and a folder of them. */
  readonly loadable: boolean;
}

export function judgeModules({ overlay, bridgeNetfilter, loadable }: ModuleFacts): readonly Finding[] {
  const load = (name: string) => `modprobe ${name}, and a line "${name}" in /etc/modules-load.d/kubelet.conf`;
  return [
    overlay
      ? ok("module overlay", "there")
      : loadable
        ? warning("module overlay", "not loaded; container runtimes load it when they start", load("overlay"))
        : problem("module overlay", "not in this kernel", "images need overlayfs: use a kernel with CONFIG_OVERLAY_FS"),
    bridgeNetfilter
      ? ok("module br_netfilter", "there")
      : warning(
          "module br_netfilter",
          "not loaded: packets between pods of one bridge pass by iptables, so services may not answer pods of this node",
          load("br_netfilter"),
        ),
  ];
}

interface Sysctl {
  readonly name: string;
  readonly wanted: number;
  readonly level: "warning" | "problem";
  readonly why: string;
  /** Other values that are as good. */
  readonly isEnough?: (value: number) => boolean;
}

/** Upstream's values. The Go kubelet sets those of vm and kernel itself unless protectKernelDefaults is on; this one leaves them to you. */
const SYSCTLS: readonly Sysctl[] = [
  { name: "net.ipv4.ip_forward", wanted: 1, level: "problem", why: "pods reach nothing outside of this node" },
  {
    name: "net.bridge.bridge-nf-call-iptables",
    wanted: 1,
    level: "warning",
    why: "services may not answer pods of this node",
  },
  { name: "vm.overcommit_memory", wanted: 1, level: "warning", why: "programs that reserve much memory may fail" },
  {
    name: "vm.panic_on_oom",
    wanted: 0,
    level: "warning",
    why: "memory running out ends the machine and not one container",
  },
  {
    name: "kernel.panic",
    wanted: 10,
    level: "warning",
    why: "the machine stays down after a panic",
    // After so many seconds, or at once where it is negative.
    isEnough: (value) => value !== 0,
  },
  { name: "kernel.panic_on_oops", wanted: 1, level: "warning", why: "the machine goes on after a fault of its kernel" },
  {
    name: "kernel.keys.root_maxkeys",
    wanted: 1_000_000,
    level: "warning",
    why: "each container takes one",
    isEnough: (value) => value > 1_000_000,
  },
  {
    name: "kernel.keys.root_maxbytes",
    wanted: 25_000_000,
    level: "warning",
    why: "each container takes a key",
    isEnough: (value) => value > 25_000_000,
  },
];
export const SYSCTL_NAMES: readonly string[] = SYSCTLS.map(({ name }) => name);

export const sysctlPath = (name: string): string => `/proc/sys/${name.replaceAll(".", "/")}`;

/** @param values by name; undefined for one that this kernel has not */
export function judgeSysctls(
  values: { readonly [name: string]: string | undefined },
  { embedded, protectKernelDefaults }: { readonly embedded: boolean; readonly protectKernelDefaults: boolean },
): readonly Finding[] {
  return SYSCTLS.flatMap(({ name, wanted, level, why, isEnough = () => false }) => {
    const value = values[name]?.trim();
    const about = `sysctl ${name}`;
    // Of a module that is not loaded, which is told of elsewhere.
    if (value === undefined) return [];
    if (Number(value) === wanted || isEnough(Number(value))) return [ok(about, value)];
    const advice = `sysctl -w ${name}=${wanted}, and that line in /etc/sysctl.d/90-kubelet.conf`;
    if (name === "net.ipv4.ip_forward" && embedded)
      return [ok(about, `${value}; the bridge plugin turns it on with the first pod`)];
    const strict = protectKernelDefaults && /^(vm|kernel)\./.test(name);
    return [{ about, level: strict ? "problem" : level, found: `${value}, not ${wanted}: ${why}`, advice }];
  });
}

/** What runs out first on nodes with many pods, and the least that a node should have. */
const LIMITS: { readonly [name: string]: { readonly least: number; readonly why: string } } = {
  "fs.inotify.max_user_watches": { least: 65_536, why: "kubelet, runtime and pods share them" },
  "fs.inotify.max_user_instances": {
    least: 512,
    why: "kubelet, runtime and pods share them, and pods' programs fail without",
  },
  "fs.file-max": { least: 200_000, why: "files that are open on the whole machine" },
  "kernel.pid_max": { least: 32_768, why: "processes and threads of all pods together" },
  "kernel.threads-max": { least: 16_384, why: "processes and threads of all pods together" },
};
export const LIMIT_NAMES: readonly string[] = Object.keys(LIMITS);

/** @param openFiles the hard limit of this process; undefined: unknown */
export function judgeLimits(
  values: { readonly [name: string]: string | undefined },
  openFiles: number | undefined,
): readonly Finding[] {
  const small = Object.entries(LIMITS).flatMap(([name, { least, why }]) => {
    const value = Number(values[name] ?? Number.NaN);
    return value < least
      ? [
          warning(
            `sysctl ${name}`,
            `${value}: ${why}`,
            `sysctl -w ${name}=${least} or more, and that line in /etc/sysctl.d/90-kubelet.conf`,
          ),
        ]
      : [];
  });
  const files =
    openFiles !== undefined && openFiles < 4096
      ? [
          warning(
            "open files",
            `at most ${openFiles} for each process`,
            "raise LimitNOFILE= of the unit, or ulimit -Hn",
          ),
        ]
      : [];
  const found = [...small, ...files];
  const seen = LIMIT_NAMES.filter((name) => values[name] !== undefined).map(
    (name) => `${name}=${values[name]?.trim()}`,
  );
  return found.length > 0 ? found : [ok("limits", seen.join(", "))];
}

/** Upstream does not start with swap unless told so. */
export function judgeSwap(failSwapOn: boolean, swaps: readonly string[]): readonly Finding[] {
  const about = "swap";
  if (swaps.length === 0) return [ok(about, "off")];
  const names = swaps.join(", ");
  return [
    failSwapOn
      ? problem(
          about,
          `on (${names}), and failSwapOn is true`,
          "turn it off (swapoff -a, and its lines in /etc/fstab), or set failSwapOn: false",
        )
      : ok(about, `on (${names}), and failSwapOn is false`),
  ];
}

/** The devices and files in /proc/swaps. */
export const swapsOf = (text: string): readonly string[] =>
  text
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split(/\s+/)[0] ?? "")
    .filter((name) => name !== "");
