export { unsupportedVolumes } from "./decode.ts";
export { createVolumes, type Volumes, type VolumesDeps, type VolumesOptions } from "./volumes.ts";
