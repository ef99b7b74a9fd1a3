export { type AccessOptions, planAccess } from "./access.ts";
export { openHealthPort } from "./health-port.ts";
export { type KubeletServer, openServer, type ServerDeps, type ServerOptions } from "./open.ts";
