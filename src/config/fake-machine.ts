import { isFault, type Problem } from "../base/fault.ts";
import type { HostFacts } from "./facts.ts";
import type { KubeletConfig } from "./kubelet-config.ts";
import { loadConfig } from "./load.ts";

/** A machine made of text, for tests: files by absolute path. */
export interface Machine {
  readonly files?: { readonly [path: string]: string };
  readonly facts?: Partial<HostFacts>;
}

export const HEADER = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";

/** Loads as a run would. @throws KubeletError "config-invalid" */
export async function load(argv: readonly string[], { files = {}, facts = {} }: Machine = {}): Promise<KubeletConfig> {
  const loaded = await loadConfig({
    argv,
    facts: { cgroupVersion: 2, hostname: "node-a", cwd: "/work", ...facts },
    readFile: async (path) => files[path] ?? Promise.reject(new Error("ENOENT: no such file")),
    listConfigDir: async (directory) =>
      Object.keys(files).flatMap((path) =>
        path.startsWith(`${directory}/`) ? [path.slice(directory.length + 1)] : [],
      ),
  });
  if (loaded.kind !== "run") throw new TypeError(`Expected a run, got ${loaded.kind}`);
  return loaded.config;
}

/** Loads one file named by --config. */
export const loadYaml = (
  yaml: string,
  argv: readonly string[] = [],
  facts: Partial<HostFacts> = {},
): Promise<KubeletConfig> =>
  load(["--config=/etc/k.yaml", ...argv], { files: { "/etc/k.yaml": `${HEADER}${yaml}` }, facts });

/** The problems that a load ends with, none when it works. */
export async function problemsOfLoad(work: Promise<KubeletConfig>): Promise<readonly Problem[]> {
  try {
    await work;
    return [];
  } catch (error) {
    if (isFault(error, "config-invalid")) return error.fault.problems;
    throw error;
  }
}
