/** The CRI client against real containerds: Debian's 1.6, which has no CRI events, and 2.4, which has all. */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { run } from "../../scripts/lib/run.ts";
import { ensureTool } from "../../scripts/tools.ts";
import { connectCri } from "../../src/adapters/cri/index.ts";
import { createClock, createRandom } from "../../src/adapters/linux/index.ts";
import { silentLog } from "../../src/base/log.ts";
import { seconds } from "../../src/base/units.ts";
import { type RuntimeUnderTest, runtimeContract } from "../../src/ports/runtime.contract.ts";
import { CgroupRoot } from "../support/cgroups.ts";
import { Scratch } from "../support/scratch.ts";
import { IMAGE, startDaemon } from "./cri-daemon.ts";

const clock = createClock();

for (const [name, folder] of [
  ["containerd of Debian", async () => dirname((await run("sh", ["-c", "command -v containerd"])).trim())],
  ["containerd 2.4", () => ensureTool("containerd")],
] as const) {
  runtimeContract(name, async () => realRuntime(await folder()));
}

async function realRuntime(folder: string): Promise<RuntimeUnderTest> {
  const scratch = new Scratch("cri");
  const cgroups = new CgroupRoot(scratch.name);
  const daemon = await startDaemon(folder, scratch, "containerd");
  const cri = connectCri({
    endpoint: daemon.endpoint,
    requestTimeout: seconds(60),
    log: silentLog,
    clock,
    random: createRandom(),
  });
  const logDirectory = scratch.path("logs");
  mkdirSync(logDirectory);
  return {
    ...cri,
    clock,
    image: IMAGE,
    // One process: what an exec that ran out of time leaves behind would keep its pipes open, and containerd waits for them.
    forever: ["/bin/sleep", "1000000"],
    exitsWith: (code) => ["/bin/sh", "-c", `exit ${code}`],
    prints: (text) => ["/bin/echo", text],
    logDirectory,
    cgroupParent: cgroups.path,
    async close() {
      cri.close();
      await daemon[Symbol.asyncDispose]();
      await cgroups[Symbol.asyncDispose]();
      await scratch[Symbol.asyncDispose]();
    },
  };
}
