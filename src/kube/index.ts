export { isUnheardOf, onceAuthorized, onceHeardOf } from "./authorized.ts";
export { decodeKubeconfig, type Kubeconfig, type KubeconfigCluster, readKubeconfig } from "./kubeconfig.ts";
export { kubeconfigText } from "./kubeconfig-text.ts";
export { References } from "./references.ts";
export { Reflector, type ReflectorDeps, type ReflectorOptions } from "./reflector.ts";
export {
  isAlreadyExists,
  isConflict,
  isExpired,
  isNotFound,
  isTransient,
  Pace,
  type PaceCurve,
  type PaceDeps,
  type RetryOptions,
  retrying,
} from "./retry.ts";
