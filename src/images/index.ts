export {
  ImageDesk,
  type ImageDeskDeps,
  type ImageFailure,
  type ImageReason,
  type ImageRequest,
  type ImageState,
} from "./image-desk.ts";
export { type CredentialPlaces, nodeCredentials } from "./node-credentials.ts";
export type { PullOptions } from "./pulls.ts";
export { type ImageReference, parseImage } from "./reference.ts";
