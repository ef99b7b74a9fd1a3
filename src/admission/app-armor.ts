import type { Pod } from "../model/kubernetes.ts";
import { allContainersOf } from "../model/pod.ts";

const ANNOTATION_PREFIX = "container.apparmor.security.beta.kubernetes.io/";

/** Whether the pod asks for a profile of AppArmor, for all of it or for some container. */
export function needsAppArmor(pod: Pod): boolean {
  const contexts = [pod.spec?.securityContext, ...allContainersOf(pod).map(({ securityContext }) => securityContext)];
  if (contexts.some((context) => context?.appArmorProfile && context.appArmorProfile.type !== "Unconfined"))
    return true;
  return Object.entries(pod.metadata?.annotations ?? {}).some(
    ([key, value]) => key.startsWith(ANNOTATION_PREFIX) && value !== "unconfined",
  );
}
