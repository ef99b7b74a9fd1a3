export { unsupportedVolumes } from "./decode.ts";
export { VolumeUpdates, type VolumeUpdatesDeps } from "./updates.ts";
export { createVolumes, type Volumes, type VolumesDeps, type VolumesOptions } from "./volumes.ts";
