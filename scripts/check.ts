/** `npm run check`: the part `check` of the tests alone. */
import { join } from "node:path";
import { run } from "./lib/run.ts";

try {
  await run(process.execPath, [join(import.meta.dirname, "test.ts"), "check"], { output: "inherit" });
} catch {
  // What failed has been shown.
  process.exitCode = 1;
}
