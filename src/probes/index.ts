export type { Answer } from "./ask.ts";
export { KIND_TEXT, type ProbeKind, probeOf } from "./kind.ts";
export { Probes, type ProbesDeps, type ProbeVerdicts, UNWATCHED } from "./probes.ts";
