export { createLocalClient } from "./local-client.ts";
export { createHttpServers } from "./servers.ts";
