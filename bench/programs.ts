/** The two kubelets as programs. */
import { join } from "node:path";
import { buildKubelet } from "../scripts/build.ts";
import { ensureTool, goProblem } from "../scripts/tools.ts";
import { BUILD, type Options } from "./options.ts";

/** With `profile`, one that takes NODE_OPTIONS: what users get does not. */
export async function buildOwn(folder: string, profile = false): Promise<string> {
  return (await buildKubelet(undefined, folder, { nodeOptions: profile })).launcher;
}

/** Path of the Go kubelet, built where the options ask for that; undefined where it is not to be measured. */
export async function goKubelet({ goKubelet: given }: Pick<Options, "goKubelet">): Promise<string | undefined> {
  if (given !== BUILD) return given;
  const problem = await goProblem();
  if (problem !== undefined) throw new Error(problem);
  return join(await ensureTool("kubelet"), "kubelet");
}
