export { type ApiObjects, ApiPods, type ApiPodsDeps } from "./api-source.ts";
export type { SourcesDeps, SourcesOptions } from "./sources.ts";
export { mergeSources, readSources } from "./sources.ts";
export type { ManifestWarning, PodSource, RejectedManifest, SourceUpdate, StaticSource } from "./update.ts";
