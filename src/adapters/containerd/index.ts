export { type DriverFacts, driverFacts, embeddedCgroupDriver } from "./cgroup-driver.ts";
export {
  chooseEndpoint,
  discoverEndpoint,
  type EndpointChoice,
  type EndpointInput,
  type FoundSocket,
  USUAL_SOCKETS,
} from "./choose.ts";
export { DEFAULT_POD_CIDR } from "./network.ts";
export { networkNames, type RuntimePaths, runtimePaths } from "./paths.ts";
export { PAUSE_IMAGE } from "./pause-image.ts";
export { type EmbeddedDeps, type EmbeddedOptions, type EmbeddedRuntime, startEmbedded } from "./start.ts";
export { stopEmbedded } from "./stop.ts";
