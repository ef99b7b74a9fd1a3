/** `up`: builds what is needed, starts the keeper in the background, and shows how the cluster comes up. */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildKubelet } from "../build.ts";
import { controlPlaneBinaries, isGiven, optionalBinary } from "../lib/cluster/binaries.ts";
import { bold, dim, red, seconds, step } from "../lib/progress.ts";
import { ensureTool, goProblem, type ToolName } from "../tools.ts";
import { stopKeeper } from "./down.ts";
import {
  type ClusterChoice,
  type Command,
  findCluster,
  isAlive,
  type KeeperState,
  makePlace,
  type Place,
  readState,
  type StepDone,
  self,
  writeState,
} from "./place.ts";
import { removeLeft } from "./remove.ts";

const LOOK_MS = 100;

/** Exit code: 0 when the cluster is up. */
export async function up(place: Place, choice: ClusterChoice, command: Command): Promise<number> {
  const found = findCluster(place);
  if (found.kind === "kept") return await joinUp(place, found.state, choice, command);
  if (found.kind === "left")
    await step(`Cleaning up after a cluster that ${found.why} (${place.folder})`, () => removeLeft(place));
  const problem = await prepare(choice);
  if (problem !== undefined) {
    console.error(`cluster: ${problem}`);
    return 1;
  }
  makePlace(place);
  // While the kubelet is built, this process stands for the keeper: a second "up" waits for it.
  writeState(place, { ...self(), phase: "starting", choice, steps: [] });
  if (choice.kubelet === "ours") await step("Building the kubelet", () => buildKubelet(undefined, place.dist));
  const interrupted = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => interrupted.abort());
  await startKeeper(place, choice);
  const state = await follow(place, interrupted.signal);
  if (state === "interrupted") {
    await stopKeeper(place);
    console.log("Interrupted: all of it was removed");
    return 130;
  }
  return tell(place, state, command);
}

/** There is one already, or another "up" is at it. */
async function joinUp(place: Place, state: KeeperState, choice: ClusterChoice, command: Command): Promise<number> {
  if (state.phase === "stopping") {
    await step("Waiting for the cluster before to be removed", () => stopKeeper(place));
    return await up(place, choice, command);
  }
  const other = (["kubelet", "runtime", "addOns"] as const).find((key) => state.choice[key] !== choice[key]);
  if (other !== undefined) {
    const [has, wanted] = [state.choice, choice].map(described);
    console.error(
      `cluster: a cluster is ${state.phase === "up" ? "up" : "coming up"} with ${has}; you asked for ${wanted}. Remove it first (${command("down")}), or have a second one (npm run cluster -- up --name second)`,
    );
    return 1;
  }
  if (state.phase === "up") {
    console.log("It was up already");
    return tell(place, state, command);
  }
  return tell(place, await follow(place, new AbortController().signal), command);
}

/** Builds what is missing before anything starts; returns why that cannot be done. */
async function prepare({ kubelet, runtime, addOns }: ClusterChoice): Promise<string | undefined> {
  const tools: ToolName[] = ["control-plane", "etcd"];
  if (kubelet === "go") tools.push("kubelet");
  if (addOns) tools.push("kube-proxy", "coredns");
  if (runtime.includes("2.4")) tools.push("containerd");
  const missing = tools.filter((tool) => !isGiven(tool));
  const problem = missing.length > 0 ? await goProblem() : undefined;
  if (problem !== undefined) return `${problem}. Or put the programs into a folder and name it in KUBE_BIN_DIR`;
  for (const tool of missing) await ensureTool(tool);
  // Says at once when KUBE_BIN_DIR lacks one.
  await controlPlaneBinaries();
  if (kubelet === "go") await optionalBinary("kubelet");
  return undefined;
}

/** In a session of its own, so that closing the terminal does not end it. */
async function startKeeper(place: Place, choice: ClusterChoice): Promise<void> {
  const log = openSync(place.log, "a");
  const keeper = join(import.meta.dirname, "keeper.ts");
  const child = spawn(process.execPath, [keeper, place.name, JSON.stringify(choice)], {
    stdio: ["ignore", log, log],
    detached: true,
  });
  closeSync(log);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  child.once("spawn", resolve).once("error", reject);
  await promise;
  child.unref();
  // From here on the state is the keeper's to write.
  while (readState(place)?.pid === process.pid && child.exitCode === null) await sleep(LOOK_MS);
}

/** Prints the steps as they come, until the cluster is up, has failed, or its keeper is gone (undefined). */
async function follow(place: Place, interrupted: AbortSignal): Promise<KeeperState | undefined | "interrupted"> {
  let shown: readonly StepDone[] = [];
  while (!interrupted.aborted) {
    const state = readState(place);
    if (state === undefined) return undefined;
    showSteps(shown, state.steps);
    shown = state.steps;
    if (state.phase !== "starting" || !isAlive(state)) {
      if (shown.at(-1)?.took === undefined && shown.length > 0) process.stdout.write(`${red("failed")}\n`);
      return state;
    }
    await sleep(LOOK_MS, undefined, { signal: interrupted }).catch(() => {});
  }
  process.stdout.write("\n");
  return "interrupted";
}

function showSteps(before: readonly StepDone[], now: readonly StepDone[]): void {
  for (const [index, { title, took }] of now.entries()) {
    const old = before[index];
    if (old === undefined) process.stdout.write(`${title} ... `);
    if (took !== undefined && old?.took === undefined) process.stdout.write(`${dim(seconds(took))}\n`);
  }
}

/** The last words of "up"; returns its exit code. */
function tell(place: Place, state: KeeperState | undefined | "interrupted", command: Command): number {
  if (typeof state === "object" && state.phase === "up" && isAlive(state)) {
    console.log(howTo(place, state, command));
    return 0;
  }
  const problem = typeof state === "object" ? state.problem : undefined;
  console.error(
    `\ncluster: ${problem ?? `it was ended while it came up; its last words are in ${place.log}`}\nLogs: ${place.folder}/*/*.log, ${place.folder}/plane/logs. To remove them: ${command("down")}`,
  );
  return 1;
}

function howTo(place: Place, { choice }: KeeperState, command: Command): string {
  return `
${bold("A cluster is up")}: one node with ${described(choice)}. It runs in the background, in a network of its own.

  export KUBECONFIG=${place.kubeconfig}
  export PATH=${place.bin}:$PATH    ${dim("# kubectl of the same version, if you have none")}
  kubectl get nodes

  ${command("shell")}    ${dim("a shell inside its network, where pods and services answer by address and name")}
  ${command("down")}     ${dim("removes all of it")}

It has one image, busybox, and no way to the internet. Logs: ${place.folder}/plane/logs, ${place.folder}/node/kubelet.log`;
}

function described({ kubelet, runtime, addOns }: ClusterChoice): string {
  const program = kubelet === "go" ? "the Go kubelet" : "kubelet-ts";
  const how = runtime.startsWith("embedded") ? `its ${runtime} containerd` : `containerd ${runtime}`;
  return `${program}, ${how}, ${addOns ? "CoreDNS and kube-proxy" : "no add-ons"}`;
}
