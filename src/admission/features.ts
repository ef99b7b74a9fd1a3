import type { Pod } from "../model/kubernetes.ts";
import { containersOf, initContainersOf, usesHostNetwork } from "../model/pod.ts";

/** What a node declares and pods may need, by name: no other feature changes where a pod can run. */
const NEEDS: readonly (readonly [feature: string, isNeeded: (pod: Pod) => boolean])[] = [
  [
    "RestartAllContainersOnContainerExits",
    (pod) =>
      [...initContainersOf(pod), ...containersOf(pod)].some(({ restartPolicyRules = [] }) =>
        restartPolicyRules.some(({ action }) => action === "RestartAllContainers"),
      ),
  ],
  ["UserNamespacesHostNetworkSupport", (pod) => usesHostNetwork(pod) && pod.spec?.hostUsers === false],
];

/** Features that the pod needs and the node does not have. */
export const missingFeatures = (pod: Pod, declared: readonly string[]): readonly string[] =>
  NEEDS.filter(([feature, isNeeded]) => !declared.includes(feature) && isNeeded(pod)).map(([feature]) => feature);
