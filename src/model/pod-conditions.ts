/** Conditions of a pod that the kubelet decides about. What is of another type was set by somebody else and stays. */
export const OWN_CONDITIONS: ReadonlySet<string> = new Set([
  "PodScheduled",
  "Ready",
  "Initialized",
  "ContainersReady",
  "PodReadyToStartContainers",
  "PodResizeInProgress",
  "PodResizePending",
  "AllContainersRestarting",
]);

/** The kubelet may set it, and so may others: what is there stays until the kubelet has its own to say. */
export const SHARED_CONDITION = "DisruptionTarget";
