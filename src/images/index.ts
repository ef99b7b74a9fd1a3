export {
  ImageDesk,
  type ImageDeskDeps,
  type ImageFailure,
  type ImageReason,
  type ImageRequest,
  type ImageState,
} from "./image-desk.ts";
export { type CredentialPlaces, nodeCredentials } from "./node-credentials.ts";
export { type PullCredentials, podCredentials, type ReadCredentials } from "./pull-credentials.ts";
export { PullRecords } from "./pull-records.ts";
export type { PullOptions } from "./pulls.ts";
export { type ImageReference, parseImage } from "./reference.ts";
export { type VerificationPolicy, verification } from "./verification.ts";
