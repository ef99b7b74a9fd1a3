export { containerResources, sandboxResources } from "./container.ts";
export { DEFAULT_POLICY, type ResourceFacts, type ResourcePolicy } from "./facts.ts";
export type { CgroupDriver } from "./names.ts";
export { allocatable } from "./node-cgroups.ts";
export { LAST_KILLED } from "./oom.ts";
export { type PodCgroup, type PodCgroupOptions, podCgroup, podCgroupPath, podsCgroupPath } from "./pod-cgroup.ts";
export { createPodCgroups, type PodCgroups, type PodCgroupsOptions } from "./pod-cgroups.ts";
