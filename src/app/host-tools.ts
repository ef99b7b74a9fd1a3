import { createHostSetup } from "../adapters/linux/index.ts";
import type { HostTools } from "../cli/index.ts";

/** This machine, for the verbs that look at it or change it. */
export const hostTools: HostTools = {
  setup: (root) => createHostSetup({ root, executable: process.execPath, env: process.env }),
  purge: async (rootDir, signal) => (await import("./purge.ts")).purgeHere(rootDir, signal),
};
