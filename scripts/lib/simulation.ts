/** The simulator as a part of the tests: `src/app/sim-main.ts` in a process of its own. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Counts, NOTHING, plus } from "./tests.ts";

const MAIN = join(import.meta.dirname, "../../src/app/sim-main.ts");
const CLOSING = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/;

export function simulatorExists(): boolean {
  return existsSync(MAIN);
}

/** Runs the simulator, shows its output as it comes and takes the counts from its closing line. */
export async function runSimulator(args: readonly string[]): Promise<Counts> {
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
