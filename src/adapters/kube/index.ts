export { connectKubeApi, type KubeApiOptions, type KubeConnection } from "./connect.ts";
export type { ApiRequestReport } from "./exchange.ts";
export type { Environment } from "./proxy.ts";
export type { RequestLimits } from "./token-bucket.ts";
