export { type ComplainDeps, complainOf, RETRY_SPAN } from "./complain.ts";
export { type ExecuteDeps, execute } from "./execute.ts";
export { type LeftoverDeps, removeDeadLinks, uidsOnDisk } from "./leftovers.ts";
export { isHurry } from "./mailbox.ts";
export { type Plan, type PlanInput, planPod } from "./plan.ts";
export { Pods, type PodsDeps } from "./pods.ts";
export type { ContainerFacts } from "./start.ts";
export { Turns } from "./turns.ts";
export { type Report, type WorkerDeps, workPod } from "./worker.ts";
