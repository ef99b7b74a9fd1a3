/** Sets the stage, runs the rows, clears the stage. */
import {
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { buildKubelet } from "../scripts/build.ts";
import { enterOwnNetwork } from "../scripts/lib/own-network.ts";
import { step } from "../scripts/lib/progress.ts";
import { ensureTool, goProblem } from "../scripts/tools.ts";
import { CgroupRoot } from "../test/support/cgroups.ts";
import { Scratch } from "../test/support/scratch.ts";
import { BareClient } from "./bare-client.ts";
import { type Contenders, progress } from "./contenders.ts";
import { KubeletNode } from "./kubelet-node.ts";
import { Lane } from "./lane.ts";
import { BUILD, type Options } from "./options.ts";
import type { Measured, RowName, Who } from "./result.ts";
import { burst } from "./rows/burst.ts";
import { pod } from "./rows/pod.ts";
import { recover } from "./rows/recover.ts";
import { rest } from "./rows/rest.ts";
import { restart } from "./rows/restart.ts";
import { start } from "./rows/start.ts";

const ROWS: Readonly<Record<RowName, (contenders: Contenders) => Promise<readonly Measured[]>>> = {
  start,
  pod,
  restart,
  burst,
  rest,
  recover,
};

/** Where upstream's kubelet puts things whatever its root directory. */
const GO_FOLDERS = ["/var/lib/kubelet", "/var/lib/kubelet/device-plugins", "/var/log/containers", "/var/log/pods"];

/** Runs what the options ask for; `onRow` hears of each row as it ends. Nothing stays on the machine, also when a row fails or the signal aborts. */
export async function runBench(
  options: Options,
  onRow: (measured: readonly Measured[]) => void,
  signal: AbortSignal,
): Promise<void> {
  const goProgram = options.goKubelet === BUILD ? await builtGoKubelet() : options.goKubelet;
  const before = GO_FOLDERS.filter((folder) => existsSync(folder));
  await using scratch = new Scratch("bench");
  // Not in dist/: whoever works on the sources meanwhile must not change what is measured.
  const launcher = await step("Building kubelet", () => buildOwn(scratch.path("dist")));
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => removeTraces(scratch.folder, before));
  cleanUp.defer(() => keepLogs(scratch.folder, options.keepLogs));
  await enterOwnNetwork();
  const open = async (who: Who, subnet: number): Promise<Lane> => {
    const cgroup = cleanUp.use(new CgroupRoot(`${scratch.name}-${who}`));
    const place = { who, subnet, folder: scratch.path(who), cgroupRoot: cgroup.path, release: options.containerd };
    return cleanUp.use(await Lane.open(place));
  };
  const profile = options.cpuProf === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${options.cpuProf}` };
  const openNode = async (who: "ours" | "go", subnet: number, program: string): Promise<KubeletNode> => {
    const node = await KubeletNode.make(await open(who, subnet), program, who === "ours" ? profile : {});
    cleanUp.defer(() => node.stop());
    return node;
  };
  const contenders: Contenders = await step(
    `Starting containerd ${options.containerd} for each contender`,
    async () => ({
      options,
      ours: await openNode("ours", 1, launcher),
      bare: new BareClient(await open("bare", 2)),
      go: goProgram === undefined ? undefined : await openNode("go", 3, goProgram),
    }),
  );
  for (const name of options.rows) {
    const measured = await orAborted(ROWS[name](contenders), signal);
    progress("");
    onRow(measured);
  }
}

/**
 * A bundle with a copy of Node of its own: the benchmark is a Node process too, and the pages of one file that both map would be counted half to each, which
 * no user's machine would do.
 */
async function buildOwn(folder: string): Promise<string> {
  const { launcher } = await buildKubelet(undefined, folder);
  copyFileSync(process.execPath, join(folder, "node"));
  const text = readFileSync(launcher, "utf8");
  const own = text.replace(/"\$here\/[^"]*\/bin\/node"/, '"$here/node"');
  if (own === text) throw new Error(`the launcher ${launcher} does not start Node as expected:\n${text}`);
  writeFileSync(launcher, own);
  return launcher;
}

/** A row that is broken off goes on by itself until what it measures is taken away from under it. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function builtGoKubelet(): Promise<string> {
  const problem = await goProblem();
  if (problem !== undefined) throw new Error(problem);
  return join(await ensureTool("kubelet"), "kubelet");
}

function keepLogs(folder: string, into: string | undefined): void {
  if (into === undefined) return;
  for (const who of ["ours", "bare", "go"]) {
    for (const file of ["kubelet.log", "c/containerd.log"]) {
      const from = join(folder, who, file);
      if (!existsSync(from)) continue;
      mkdirSync(into, { recursive: true });
      cpSync(from, join(into, `${who}-${file.replaceAll("/", "-")}`));
    }
  }
}

/** Links to this run's logs, and folders that were not there before. */
function removeTraces(scratch: string, before: readonly string[]): void {
  const links = "/var/log/containers";
  for (const name of existsSync(links) ? readdirSync(links) : []) {
    const path = join(links, name);
    if (lstatSync(path).isSymbolicLink() && readlinkSync(path).startsWith(scratch)) rmSync(path);
  }
  for (const folder of GO_FOLDERS) if (!before.includes(folder)) rmSync(folder, { recursive: true, force: true });
}
