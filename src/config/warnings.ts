import { type JsonObject, valueAt } from "./json.ts";
import { isGiven, type Origin } from "./kubelet-config.ts";
import { nodeIpsOf } from "./node-ip.ts";
import type { ParsedFlags } from "./parse-flags.ts";
import { FIELDS, FLAG_OPTIONS, FLAGS_BY_NAME } from "./table.ts";

/** At most one warning, which names the deprecated flags on the command line. */
export function flagWarnings(flags: ParsedFlags): string[] {
  const old = [...flags.values]
    .filter(([name]) => FLAGS_BY_NAME.get(name)?.option.deprecated !== false)
    .map(([name]) => `--${name}`);
  return old.length === 0
    ? []
    : [`Deprecated flags, which still work: ${old.join(", ")}; set them in the file that --config names`];
}

/** As upstream: what is no address is left out, and said. */
export function nodeIpWarnings(nodeIp: string): string[] {
  const { ignored } = nodeIpsOf(nodeIp);
  return ignored.length === 0 ? [] : [`In --node-ip, no IP address and ignored: ${JSON.stringify(ignored.join(","))}`];
}

/** One warning that names every option that was changed and that this release does not act on. */
export function effectWarnings(
  fields: JsonObject,
  flagFields: JsonObject,
  origins: ReadonlyMap<string, Origin>,
): string[] {
  const idle = (key: string, value: unknown, { effect, fallback }: { effect: string; fallback: unknown }) =>
    effect === "not-yet" && isGiven({ origins }, key) && JSON.stringify(value) !== JSON.stringify(fallback);
  const names = [
    ...Object.entries(FIELDS).flatMap(([path, option]) => (idle(path, valueAt(fields, path), option) ? [path] : [])),
    ...Object.entries(FLAG_OPTIONS).flatMap(([key, option]) =>
      idle(`--${option.flag}`, flagFields[key], option) ? [`--${option.flag}`] : [],
    ),
  ];
  return names.length === 0 ? [] : [`Without effect in this release: ${names.join(", ")}`];
}

/** Options that say something to a node of a cluster only, and that a standalone node may well share with one. */
const CLUSTER_ONLY = ["rotateCertificates", "--bootstrap-kubeconfig"];

/** One warning that names what was set and means nothing without an API server. */
export function standaloneWarnings(
  fields: JsonObject,
  flagFields: JsonObject,
  { origins, standalone }: { readonly origins: ReadonlyMap<string, Origin>; readonly standalone: boolean },
): string[] {
  const flags = new Map(Object.entries(FLAG_OPTIONS).map(([key, { flag }]) => [`--${flag}`, flagFields[key]]));
  const isSet = (key: string) =>
    isGiven({ origins }, key) && Boolean(key.startsWith("--") ? flags.get(key) : valueAt(fields, key));
  const names = standalone ? CLUSTER_ONLY.filter(isSet) : [];
  return names.length === 0 ? [] : [`Without effect, because there is no --kubeconfig: ${names.join(", ")}`];
}
