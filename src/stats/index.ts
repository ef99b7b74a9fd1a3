export type { Summary } from "./shapes.ts";
export { NodeUsage, type PodPlace, type UsageDeps } from "./usage.ts";
