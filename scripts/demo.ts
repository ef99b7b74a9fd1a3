/**
 * `npm run demo [-- --once | --stop]`: a standalone node in a scratch root directory and a network namespace of its own, with the pods of examples/.
 * Shows what happens, then stays for looking around; with --once it ends by itself, and the exit code is 0 only if all was seen.
 */
import { parseArgs } from "node:util";
import { buildKubelet } from "./build.ts";
import { lookAround } from "./demo/look-around.ts";
import { removeKilled, stopDemos } from "./demo/others.ts";
import { crossed, heading, ticked, Waiting } from "./demo/show.ts";
import { Stage } from "./demo/stage.ts";
import { tell } from "./demo/story.ts";
import { Witness } from "./demo/witness.ts";
import { leaks, machineState } from "./lib/leaks.ts";
import { enterOwnNetwork } from "./lib/own-network.ts";
import { bold, dim, red, seconds, step } from "./lib/progress.ts";

const USAGE = `usage: npm run demo            a node with example pods; ^C stops it and cleans up
       npm run demo -- --once  shows the same, stops by itself and says whether all was seen
       npm run demo -- --stop  stops every running demo, and cleans up after one that was killed`;

/** Exit code: 0 when all was seen, 1 when not, 2 for a wrong command line. */
async function main(argv: readonly string[]): Promise<number> {
  let options: { readonly once?: boolean; readonly stop?: boolean; readonly help?: boolean };
  try {
    const flag = { type: "boolean" } as const;
    options = parseArgs({ args: [...argv], options: { once: flag, stop: flag, help: flag } }).values;
  } catch (error) {
    console.error(`demo: ${error instanceof Error ? error.message : error}\n${USAGE}`);
    return 2;
  }
  if (options.help) console.log(USAGE);
  else if (options.stop) await stopDemos();
  else return await show(options.once === true);
  return 0;
}

async function show(once: boolean): Promise<number> {
  const started = performance.now();
  const interrupted = interruption();
  await removeKilled();
  const { launcher } = await step("Building dist/kubelet", () => buildKubelet());
  const { address } = await enterOwnNetwork();
  const before = machineState();
  const stage = await Stage.open(launcher);
  const missed = await perform(stage, address, interrupted);
  if (!once && stage.node.ended === undefined) await lookAround(stage, launcher, interrupted);
  missed.push(...(await leave(stage, before)));
  if (once && interrupted.aborted) missed.push("the rest: the demo was interrupted");
  const took = seconds(performance.now() - started);
  if (missed.length > 0) console.log(`\n${red("Not seen")} (${took}):\n${missed.map((one) => `  ${one}`).join("\n")}`);
  else if (once) console.log(`\n${bold("All of it was seen")}, in ${took}.`);
  return missed.length > 0 ? 1 : 0;
}

/** Plays the story; returns what was not seen. When something was not, the kubelet's last words are shown. */
async function perform(stage: Stage, address: string, interrupted: AbortSignal): Promise<string[]> {
  const witness = new Witness(stage.node, interrupted);
  try {
    await tell({ stage, witness, address });
  } catch (error) {
    if (interrupted.aborted) return [];
    witness.missed.push(`the rest, because of an error: ${error instanceof Error ? error.stack : error}`);
  }
  if (witness.missed.length > 0) console.log(`\nThe end of the kubelet's log:\n${dim(stage.node.logTail())}`);
  return witness.missed;
}

/** Gives everything back and looks whether that is true; returns what was not. */
async function leave(stage: Stage, before: ReturnType<typeof machineState>): Promise<readonly string[]> {
  heading("Stopping");
  const started = performance.now();
  {
    using _waiting = new Waiting("stopping pods, kubelet and containerd");
    await stage[Symbol.asyncDispose]();
  }
  const left = leaks(before, machineState(), [stage.place.folder, stage.place.cgroup]);
  const name = "nothing left behind: no process, mount, cgroup or file";
  if (left.length === 0) ticked(name, performance.now() - started);
  else crossed(name, performance.now() - started, left.join("\n"));
  return left.length === 0 ? [] : [name];
}

/** Aborts at the first signal that asks to stop. Further ones change nothing: cleaning up takes a few seconds and should be whole. */
function interruption(): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => stop.abort(name));
  return stop.signal;
}

process.exitCode = await main(process.argv.slice(2));
// A connection kept alive by fetch is no reason to stay.
process.exit();
