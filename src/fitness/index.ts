export { examine } from "./checks.ts";
export type { Examiner, HostValues, Server } from "./examiner.ts";
export { type Finding, type Level, ok, problem, warning } from "./finding.ts";
export { judgeSwap, swapsOf } from "./kernel.ts";
export type { IdentityFacts, RuntimeFacts } from "./node.ts";
