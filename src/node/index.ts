export { type CountedEvent, EventLog } from "./event-log.ts";
export { Timeline } from "./timeline.ts";
export type {
  ContainerLog,
  HealthCheck,
  LocalAnswers,
  NodeView,
  RejectedManifest,
  TimelineEntry,
} from "./view.ts";
