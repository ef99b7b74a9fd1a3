export { type ContainerContext, containerConfig } from "./container.ts";
export { type Environment, type EnvironmentSources, environment } from "./environment.ts";
export { type MountContext, type SubPathRequest, subPathsOf } from "./mounts.ts";
export { fieldsWithoutEffect, unsupportedFields } from "./no-effect.ts";
export { firstAttempt } from "./restart-count.ts";
export { type SandboxContext, sandboxConfig } from "./sandbox.ts";
export { type SandboxNeed, sandboxNeed } from "./sandbox-need.ts";
export { serviceEnvironment } from "./service-environment.ts";
export type { ImageUser } from "./user.ts";
