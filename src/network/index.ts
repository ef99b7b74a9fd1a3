export { type NodeDns, podDns } from "./dns.ts";
export { nodeDnsWarnings } from "./dns-limits.ts";
export { type PodName, podName, sandboxHostname } from "./hostname.ts";
export { hasManagedHosts, hostsText } from "./hosts.ts";
export { parseResolvConf } from "./resolv-conf.ts";
