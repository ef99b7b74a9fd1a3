export { EventSink, type EventSinkDeps } from "./event-sink.ts";
export type { StaticPods } from "./mirror-pods.ts";
export { Reporter, type ReporterDeps } from "./reporter.ts";
export type { Post } from "./status-writer.ts";
