export type { Answer } from "./ask.ts";
export { type ProbeKind, probeOf } from "./kind.ts";
export { Probes, type ProbesDeps, type ProbeVerdicts, UNWATCHED } from "./probes.ts";
