/** The two kubelets as programs. */
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildKubelet } from "../scripts/build.ts";
import { ensureTool, goProblem } from "../scripts/tools.ts";
import { BUILD, type Options } from "./options.ts";

/**
 * A bundle with a copy of Node of its own: the benchmark is a Node process too, and the pages of one file that both map would be counted half to each, which
 * no user's machine would do.
 */
export async function buildOwn(folder: string): Promise<string> {
  const { launcher } = await buildKubelet(undefined, folder);
  copyFileSync(process.execPath, join(folder, "node"));
  const text = readFileSync(launcher, "utf8");
  const own = text.replace(/"\$here\/[^"]*\/bin\/node"/, '"$here/node"');
  if (own === text) throw new Error(`the launcher ${launcher} does not start Node as expected:\n${text}`);
  writeFileSync(launcher, own);
  return launcher;
}

/** Path of the Go kubelet, built where the options ask for that; undefined where it is not to be measured. */
export async function goKubelet({ goKubelet: given }: Pick<Options, "goKubelet">): Promise<string | undefined> {
  if (given !== BUILD) return given;
  const problem = await goProblem();
  if (problem !== undefined) throw new Error(problem);
  return join(await ensureTool("kubelet"), "kubelet");
}
