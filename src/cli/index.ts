export type { HostTools, VerbIo } from "./io.ts";
export { isVerb, runVerb } from "./run.ts";
