export type { SourcesDeps, SourcesOptions } from "./sources.ts";
export { readSources } from "./sources.ts";
export type { ManifestWarning, RejectedManifest, SourceUpdate, StaticSource } from "./update.ts";
