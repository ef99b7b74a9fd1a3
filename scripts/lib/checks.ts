/** The checks that are no tests: types and lint. Each is one pass or one failure in the counts. */
import { join } from "node:path";
import { green, red, seconds } from "./progress.ts";
import { tryRun } from "./run.ts";
import { type Counts, NOTHING, plus } from "./tests.ts";

const ROOT = join(import.meta.dirname, "../..");
const BIN = join(ROOT, "node_modules/.bin");

const CHECKS = [
  { title: "types (tsc)", script: join(BIN, "tsc"), args: ["-p", ".", "--noEmit"] },
  { title: "lint and format (biome)", script: join(BIN, "biome"), args: ["check", "--error-on-warnings", "."] },
] as const;

/** Runs every check and shows what each one that failed had to say. */
export async function runChecks(): Promise<Counts> {
  let counts = NOTHING;
  for (const { title, script, args } of CHECKS) {
    const started = performance.now();
    // The launchers in .bin are scripts for Node: run by the pinned one, not by whatever is first on PATH.
    const done = await tryRun(process.execPath, [script, ...args], { cwd: ROOT });
    const passed = done.code === 0;
    console.log(`  ${passed ? green("ok") : red("FAILED")} ${title} (${seconds(performance.now() - started)})`);
    if (!passed) console.log(`${done.stdout}${done.stderr}`.trimEnd());
    counts = plus(counts, { ...NOTHING, [passed ? "passed" : "failed"]: 1 });
  }
  return counts;
}
