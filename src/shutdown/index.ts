export { type GraceOptions, type GroupGrace, gracesOf } from "./groups.ts";
export { NodeShutdown, type NodeShutdownDeps, type NodeShutdownOptions } from "./node-shutdown.ts";
export type { ShutdownTimes } from "./times.ts";
