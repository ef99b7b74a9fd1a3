export { type AccessOptions, planAccess } from "./access.ts";
export { type KubeletServer, openServer, type ServerDeps, type ServerOptions } from "./open.ts";
