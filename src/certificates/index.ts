export { type CertificateTexts, clientCredentials, whyUnusable } from "./client-certificate.ts";
export { PairFiles } from "./pair-files.ts";
export { Rotation, type RotationDeps, type RotationListener, type RotationOptions } from "./rotation.ts";
export {
  CLIENT_SIGNER,
  CLIENT_USAGES,
  clientWish,
  SERVING_SIGNER,
  SERVING_USAGES,
  servingWish,
} from "./wishes.ts";
