import { type JsonObject, valueAt, withValue } from "./json.ts";
import { zeroIsUnset } from "./option.ts";
import { FIELDS } from "./table.ts";

/** Hard eviction thresholds of a Linux node, filled in where a `--config` file has none. */
export const LINUX_EVICTION_HARD = {
  "memory.available": "100Mi",
  "nodefs.available": "10%",
  "nodefs.inodesFree": "5%",
  "imagefs.available": "15%",
  "imagefs.inodesFree": "5%",
} as const;

/** What the command line meant before there was a file: in force when `--config` is not given. */
export const COMMAND_LINE_DEFAULTS: { readonly [path: string]: string | boolean | number } = {
  "authentication.anonymous.enabled": true,
  "authentication.webhook.enabled": false,
  "authorization.mode": "AlwaysAllow",
  readOnlyPort: 10255,
};

/** Fields that have their default only while a gate is on. */
const GATED: { readonly [path: string]: string } = {
  "crashLoopBackOff.maxContainerRestartPeriod": "KubeletCrashLoopBackOffMax",
  imagePullCredentialsVerificationPolicy: "KubeletEnsureSecretPulledImages",
};

/** What such a field is without it: no value where upstream has a pointer, else Go's zero. */
const EMPTY: { readonly [type: string]: string } = { string: "" };

/** Fills what is not set, as the defaulting function of v1beta1 does. Returns the paths it filled. */
export function fillDefaults(
  doc: JsonObject,
  gatesOn: ReadonlySet<string>,
): { readonly doc: JsonObject; readonly filled: readonly string[] } {
  let full = doc;
  const filled: string[] = [];
  for (const [path, option] of Object.entries(FIELDS)) {
    const value = valueAt(doc, path);
    const isSet = value !== undefined && value !== null && !(zeroIsUnset(option) && option.codec.isZero(value));
    if (isSet) continue;
    const gate = GATED[path];
    const fallback = derivedDefault(path, doc) ?? option.fallback;
    full = withValue(full, path, gate !== undefined && !gatesOn.has(gate) ? EMPTY[option.codec.type] : fallback);
    filled.push(path);
  }
  const pids = valueAt(full, "podPidsLimit");
  return { doc: typeof pids === "number" && pids < 0 ? withValue(full, "podPidsLimit", -1) : full, filled };
}

/** Defaults that hang on another field as it was given. */
function derivedDefault(path: string, given: JsonObject): string | boolean | undefined {
  const update = given.nodeStatusUpdateFrequency;
  const parallel = given.maxParallelImagePulls;
  if (path === "nodeStatusReportFrequency" && typeof update === "string" && update !== "0s") return update;
  if (path === "serializeImagePulls" && typeof parallel === "number" && parallel >= 2) return false;
  return undefined;
}

/** Fills hard eviction thresholds into the configuration of a `--config` file: all when it has none, the missing ones when asked to. */
export function fillEvictionHard(given: JsonObject, doc: JsonObject): JsonObject {
  const map = given.evictionHard;
  if (map === undefined || map === null) return { ...doc, evictionHard: LINUX_EVICTION_HARD };
  if (doc.mergeDefaultEvictionSettings !== true || typeof map !== "object") return doc;
  return { ...doc, evictionHard: { ...LINUX_EVICTION_HARD, ...(map as JsonObject) } };
}
