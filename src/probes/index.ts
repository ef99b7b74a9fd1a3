export type { Answer } from "./ask.ts";
export type { ProbeKind } from "./kind.ts";
export { Probes, type ProbesDeps, type ProbeVerdicts } from "./probes.ts";
