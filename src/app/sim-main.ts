import { parseArgs } from "node:util";
import { runScenario } from "../sim/scenario.ts";
import { startSimCore } from "./sim-core.ts";

/** `--seed N` replays one run with its history; `--seeds COUNT --from FIRST` runs a range and prints the counts in the last line. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      seeds: { type: "string", default: "10000" },
      from: { type: "string", default: "1" },
    },
  });
  if (values.seed !== undefined) {
    const { violations, history, starts, crashes } = await runScenario(whole("seed", values.seed), startSimCore, {
      withHistory: true,
    });
    for (const line of history) console.log(line);
    for (const line of violations) console.log(`VIOLATION ${line}`);
    console.log(`seed ${values.seed}: ${starts} container starts, ${crashes} crashes, ${violations.length} violations`);
    return violations.length > 0 ? 1 : 0;
  }
  // Faults are part of the play: nobody reads where they were made.
  Error.stackTraceLimit = 0;
  const first = whole("from", values.from);
  const count = whole("seeds", values.seeds);
  let failed = 0;
  for (let seed = first; seed < first + count; seed++) {
    const { violations } = await runScenario(seed, startSimCore);
    if (violations.length === 0) continue;
    failed++;
    console.log(`seed ${seed} failed: ${violations[0]}\n  replay: npm test -- sim --seed ${seed}`);
  }
  console.log(`${count - failed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}

function whole(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError(`--${name} must be a whole number, got ${text}`);
}

process.exitCode = await main();
