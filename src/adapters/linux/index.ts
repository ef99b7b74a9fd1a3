export { type CgroupsOptions, createCgroups } from "./cgroups.ts";
export { createClock } from "./clock.ts";
export { createFiles } from "./files.ts";
export { detectHost, type HostFacts } from "./host.ts";
export { createHttpClient } from "./http-client.ts";
export { lockRootDirectory, waitForLockFile } from "./lock.ts";
export { createLog, type LogOptions } from "./log.ts";
export { createMounts } from "./mounts.ts";
export { createRandom } from "./random.ts";
