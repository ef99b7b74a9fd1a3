import { createHostSetup } from "../adapters/linux/index.ts";
import type { HostTools } from "../cli/index.ts";
import { loadHere } from "./load.ts";

/** This machine, for the verbs that look at it or change it. */
export const hostTools: HostTools = {
  setup: (root) => createHostSetup({ root, executable: process.execPath, env: process.env }),
  examiner: async (flags) => {
    const { host, loaded } = await loadHere(flags);
    if (loaded.kind !== "run") return undefined;
    const { createExaminer } = await import("./examine.ts");
    return createExaminer(loaded.config, host);
  },
  purge: async (rootDir, signal) => (await import("./purge.ts")).purgeHere(rootDir, signal),
};
