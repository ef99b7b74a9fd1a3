import { parseArgs } from "node:util";
import { REGRESSIONS } from "../sim/regressions.ts";
import { runScenario } from "../sim/scenario.ts";
import { startSimCore } from "./sim-core.ts";

/**
 * `--seed N` replays one run with its history; `--seeds COUNT --from FIRST` runs a range, `--regressions` first those that once failed.
 * Prints the counts in the last line.
 */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      seeds: { type: "string", default: "10000" },
      from: { type: "string", default: "1" },
      regressions: { type: "boolean", default: false },
    },
  });
  if (values.seed !== undefined) return await replay(whole("seed", values.seed));
  // Faults are part of the play: nobody reads where they were made.
  Error.stackTraceLimit = 0;
  const first = whole("from", values.from);
  const count = whole("seeds", values.seeds);
  const known = values.regressions ? REGRESSIONS.map(({ seed }) => seed) : [];
  const range = Array.from({ length: count }, (_, place) => first + place);
  return await runAll([...new Set([...known, ...range])]);
}

async function replay(seed: number): Promise<number> {
  const { violations, history, starts, crashes } = await runScenario(seed, startSimCore, { withHistory: true });
  for (const line of history) console.log(line);
  for (const line of violations) console.log(`VIOLATION ${line}`);
  console.log(`seed ${seed}: ${starts} container starts, ${crashes} crashes, ${violations.length} violations`);
  const failed = violations.length > 0;
  console.log(failed ? "0 passed, 1 failed" : "1 passed, 0 failed");
  return failed ? 1 : 0;
}

async function runAll(seeds: readonly number[]): Promise<number> {
  let failed = 0;
  for (const seed of seeds) {
    const { violations } = await runScenario(seed, startSimCore);
    if (violations.length === 0) continue;
    failed++;
    const once = REGRESSIONS.find((regression) => regression.seed === seed);
    console.log(`seed ${seed} failed: ${violations[0]}${once ? ` (it failed before: ${once.why})` : ""}`);
    console.log(`  replay: npm test -- sim --seed ${seed}`);
  }
  console.log(`${seeds.length - failed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError(`--${name} must be a whole number, got "${text}"`);
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof RangeError || error instanceof TypeError ? `sim: ${error.message}` : error);
  process.exitCode = 2;
}
