/**
 * Go programs that tests and benchmarks use as real parts, each built once from a pinned module under `tools/` and kept outside
 * the repository: `${KUBELET_TS_CACHE:-~/.cache/kubelet-ts}/tools/<name>-<hash>/bin`. The hash covers go.mod, go.sum, the flags and Go's version.
 *
 * By hand: `node scripts/tools.ts containerd` prints the folder of its programs.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { step } from "./lib/progress.ts";
import { run, tryRun } from "./lib/run.ts";

const ROOT = join(import.meta.dirname, "..");
const CONTAINERD = "github.com/containerd/containerd/v2";
const KUBERNETES_STAMPS = [
  "k8s.io/component-base/version.gitVersion=v1.37.2",
  "k8s.io/component-base/version.gitMajor=1",
  "k8s.io/component-base/version.gitMinor=37",
  "k8s.io/client-go/pkg/version.gitVersion=v1.37.2",
];

interface Tool {
  /** The folder under `tools/` whose go.mod pins it. */
  readonly module: string;
  /** Package path of each program; its last element names the binary, a version element (`v3`) excepted. */
  readonly packages: readonly string[];
  /** Linker `-X` settings: what upstream's own builds stamp into the program. */
  readonly stamps: readonly string[];
  /** Shown before a build: how long it takes on a small machine with an empty Go build cache. */
  readonly patience: string;
}

const TOOLS = {
  containerd: {
    module: "containerd",
    packages: ["containerd", "containerd-shim-runc-v2", "ctr"].map((name) => `${CONTAINERD}/cmd/${name}`),
    stamps: [`${CONTAINERD}/version.Version=v2.4.2`],
    patience: "about 3 minutes",
  },
  /** kube-apiserver, kube-controller-manager, kube-scheduler, kubectl: what the cluster tests need. */
  "control-plane": {
    module: "kubernetes",
    packages: ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"].map(kubernetesProgram),
    stamps: KUBERNETES_STAMPS,
    patience: "8 to 12 minutes",
  },
  etcd: {
    module: "etcd",
    packages: ["go.etcd.io/etcd/server/v3"],
    stamps: [],
    patience: "about 1 minute",
  },
  "kube-proxy": {
    module: "kubernetes",
    packages: [kubernetesProgram("kube-proxy")],
    stamps: KUBERNETES_STAMPS,
    patience: "under a minute after the control plane",
  },
  coredns: {
    module: "coredns",
    packages: ["github.com/coredns/coredns"],
    stamps: [],
    patience: "3 to 5 minutes",
  },
  "metrics-server": {
    module: "metrics-server",
    packages: ["sigs.k8s.io/metrics-server/cmd/metrics-server"],
    stamps: [],
    patience: "3 to 5 minutes",
  },
  /** The Go kubelet, to be measured and compared against. */
  kubelet: {
    module: "kubernetes",
    packages: [kubernetesProgram("kubelet")],
    stamps: KUBERNETES_STAMPS,
    patience: "6 to 10 minutes",
  },
  /** Prepares a machine for its kubelet, and writes the files that the kubelet starts with. */
  kubeadm: {
    module: "kubernetes",
    packages: [kubernetesProgram("kubeadm")],
    stamps: KUBERNETES_STAMPS,
    patience: "about a minute after the control plane",
  },
} as const satisfies Record<string, Tool>;

function kubernetesProgram(name: string): string {
  return `k8s.io/kubernetes/cmd/${name}`;
}

export type ToolName = keyof typeof TOOLS;

/** The oldest Go that builds every tool. */
export const GO_NEEDED: readonly [number, number] = [1, 26];

/** Why Go cannot be used here and how to get it, or undefined when it can. */
export async function goProblem(): Promise<string | undefined> {
  const found = await tryRun("go", ["env", "GOVERSION"], { cwd: "/" }).catch(() => undefined);
  const wanted = `Go ${GO_NEEDED.join(".")} or newer`;
  const remedy =
    "Get it from https://go.dev/dl/ (unpack to /usr/local/go and put /usr/local/go/bin on PATH); Debian 12's own golang package is too old";
  if (found === undefined || found.code !== 0)
    return `${wanted} is needed to build containerd, Kubernetes and etcd, and no "go" was found on PATH. ${remedy}`;
  const version = found.stdout.trim();
  const [major = 0, minor = 0] = version
    .replace(/^go/, "")
    .split(".")
    .map((part) => Number.parseInt(part, 10));
  const enough = major > GO_NEEDED[0] || (major === GO_NEEDED[0] && minor >= GO_NEEDED[1]);
  return enough
    ? undefined
    : `${wanted} is needed to build containerd, Kubernetes and etcd, and "go" is ${version}. ${remedy}`;
}

/** The folder with the tool's programs, built if it is not there yet. Throws with the compiler's words when the build fails. */
export async function ensureTool(name: ToolName): Promise<string> {
  const tool: Tool = TOOLS[name];
  const folder = join(cacheFolder(), "tools", `${name}-${await keyOf(tool)}`);
  const bin = join(folder, "bin");
  if (existsSync(bin)) return bin;
  await step(`Building ${name} from its Go module (once, ${tool.patience})`, () => build(tool, folder));
  return bin;
}

function cacheFolder(): string {
  return process.env.KUBELET_TS_CACHE ?? join(homedir(), ".cache", "kubelet-ts");
}

function flagsOf(tool: Tool): string[] {
  const linker = ["-s", "-w", ...tool.stamps.map((stamp) => `-X ${stamp}`)].join(" ");
  return ["-trimpath", "-buildvcs=false", "-ldflags", linker];
}

async function keyOf(tool: Tool): Promise<string> {
  const module = join(ROOT, "tools", tool.module);
  const hash = createHash("sha256");
  for (const file of ["go.mod", "go.sum"]) hash.update(readFileSync(join(module, file)));
  hash.update(JSON.stringify([tool.packages, flagsOf(tool)]));
  hash.update(await run("go", ["env", "GOVERSION", "GOARCH"], { cwd: module }));
  return hash.digest("hex").slice(0, 16);
}

/** Builds beside the final place and renames: a build that was broken off leaves nothing that looks finished. */
async function build(tool: Tool, folder: string): Promise<void> {
  const unfinished = `${folder}.unfinished-${process.pid}`;
  mkdirSync(join(unfinished, "bin"), { recursive: true });
  try {
    const into = `${join(unfinished, "bin")}/`;
    await run("go", ["build", ...flagsOf(tool), "-o", into, ...tool.packages], {
      cwd: join(ROOT, "tools", tool.module),
      env: { CGO_ENABLED: "0", GOTOOLCHAIN: "local" },
    });
    // Another build of the same key may have finished first; either result is good.
    if (!existsSync(folder)) renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const name = process.argv[2] ?? "";
  if (!Object.hasOwn(TOOLS, name)) {
    console.error(`usage: node scripts/tools.ts ${Object.keys(TOOLS).join("|")}`);
    process.exit(2);
  }
  console.log(await ensureTool(name as ToolName));
}
