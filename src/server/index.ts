export { type AccessOptions, planAccess } from "./access.ts";
export type { LocalAnswers } from "./local.ts";
export { type KubeletServer, openServer, type ServerDeps, type ServerOptions } from "./open.ts";
export type {
  ContainerLog,
  HealthCheck,
  NodeView,
  RejectedManifest,
  TimelineEntry,
} from "./view.ts";
