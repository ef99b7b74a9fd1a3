/**
 * Features that other components ask for by name before they send a pod here or change one. Only what this kubelet does may stand here: the
 * scheduler and the API server rely on it. https://github.com/kubernetes/kubernetes/tree/v1.37.2/staging/src/k8s.io/component-helpers/nodedeclaredfeatures
 *
 * Declared by the Go kubelet and not (yet) by this one: InPlacePodLevelResourcesVerticalScaling and InPlacePodVerticalScalingInitContainers
 * (resizing pods), RestartAllContainersOnContainerExits. Each comes with the feature itself.
 */
export function declaredFeatures(does: { readonly webSocketStreams: boolean }): readonly string[] {
  return does.webSocketStreams ? ["ExtendWebSocketsToKubelet"] : [];
}
