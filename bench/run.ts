/** Sets the stage, runs the rows, clears the stage. */

import { cpSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { enterOwnNetwork } from "../scripts/lib/own-network.ts";
import { step } from "../scripts/lib/progress.ts";
import { orAborted } from "../src/base/abort.ts";
import { Scratch } from "../test/support/scratch.ts";
import { BareClient } from "./bare-client.ts";
import { type Contenders, progress } from "./contenders.ts";
import { KubeletNode } from "./kubelet-node.ts";
import { openLane } from "./lane.ts";
import type { Options } from "./options.ts";
import { buildOwn, goKubelet } from "./programs.ts";
import type { Measured, RowName, Who } from "./result.ts";
import { burst } from "./rows/burst.ts";
import { pod } from "./rows/pod.ts";
import { recover } from "./rows/recover.ts";
import { rest } from "./rows/rest.ts";
import { restart } from "./rows/restart.ts";
import { start } from "./rows/start.ts";
import { Traces } from "./stage.ts";

const ROWS: Readonly<Record<RowName, (contenders: Contenders) => Promise<readonly Measured[]>>> = {
  start,
  pod,
  restart,
  burst,
  rest,
  recover,
};

/** Runs what the options ask for; `onRow` hears of each row as it ends. Nothing stays on the machine, also when a row fails or the signal aborts. */
export async function runBench(
  options: Options,
  onRow: (measured: readonly Measured[]) => void,
  signal: AbortSignal,
): Promise<void> {
  const goProgram = await goKubelet(options);
  const traces = new Traces();
  await using scratch = new Scratch("bench");
  // Not in dist/: whoever works on the sources meanwhile must not change what is measured.
  const launcher = await step("Building kubelet", () => buildOwn(scratch.path("dist"), options.cpuProf !== undefined));
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => traces.remove(scratch.folder));
  cleanUp.defer(() => keepLogs(scratch.folder, options.keepLogs));
  await enterOwnNetwork();
  const open = (who: Who, subnet: number) => openLane({ who, subnet, scratch, release: options.containerd }, cleanUp);
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
