export type { HostTools, VerbIo } from "./io.ts";
export { isVerb, runVerb, type VerbUsage, verbUsages } from "./run.ts";
