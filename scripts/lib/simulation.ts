/** The simulator as a part of the tests: `src/app/sim-main.ts` in a process of its own. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Counts, NOTHING, plus } from "./tests.ts";

const MAIN = join(import.meta.dirname, "../../src/app/sim-main.ts");
const CLOSING = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/;

export function simulatorExists(): boolean {
  return existsSync(MAIN);
}

/** What `npm test` runs when nobody says otherwise. */
const USUAL_SEEDS = 5_000;

/** Runs the simulator, shows its output as it comes and adds the counts of the closing lines up. A range is shared among the cores. */
export async function runSimulator(args: readonly string[]): Promise<Counts> {
  const parts = sharesOf(args, Math.min(availableParallelism(), 8));
  const counts = await Promise.all(parts.map(runPart));
  return counts.reduce(plus, NOTHING);
}

/** Arguments for each process. One seed, and what the simulator itself has to refuse, is not shared. */
export function sharesOf(args: readonly string[], processes: number): readonly (readonly string[])[] {
  const numberOf = (name: string) => (args.includes(name) ? Number(args[args.indexOf(name) + 1]) : undefined);
  const count = numberOf("--seeds") ?? USUAL_SEEDS;
  const from = numberOf("--from") ?? 1;
  if (args.includes("--seed") || !Number.isSafeInteger(count) || !Number.isSafeInteger(from)) return [args];
  const usual = args.length === 0;
  const shares = Math.max(1, Math.min(processes, count));
  return Array.from({ length: shares }, (_, place) => {
    const begin = Math.floor((count * place) / shares);
    const end = Math.floor((count * (place + 1)) / shares);
    const range = ["--seeds", `${end - begin}`, "--from", `${from + begin}`];
    return usual && place === 0 ? ["--regressions", ...range] : range;
  });
}

async function runPart(args: readonly string[]): Promise<Counts> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const exit = new Promise<number>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
  let counts: Counts | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    const [, passed, failed, skipped] = CLOSING.exec(line.trim()) ?? [];
    if (passed === undefined) console.log(`  ${line}`);
    else counts = { passed: Number(passed), failed: Number(failed), skipped: Number(skipped ?? 0) };
  }
  const code = await exit;
  if (counts === undefined) console.log(`  the simulator ended with code ${code} and without its closing counts`);
  const crashed = code !== 0 && (counts?.failed ?? 0) === 0;
  return plus(counts ?? NOTHING, { ...NOTHING, failed: crashed || counts === undefined ? 1 : 0 });
}
