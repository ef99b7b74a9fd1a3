/**
 * The text of which the Go kubelet makes the UID of a static pod. It prints the whole pod as it lies in its memory, with the names of
 * Go's types and fields, and hashes that. Ours is the same text, letter by letter: on a change from one kubelet to the other the
 * containers of static pods (kubeadm's control plane) keep their pod, and nothing restarts. That makes names inside of Kubernetes
 * v1.37 part of an interface, so they stand in a generated table, and Go's own answers for many manifests are the test's.
 *
 * What it can't follow: two gates that are off and on by default change defaults, and with them the text (H2CContainerProbe and
 * PodLevelResourcesFixDefaulting); and in a manifest that is JSON, a quantity as a number keeps its form in Go (`1.0` is not `1`).
 *
 * Rules: applyDefaults in pkg/kubelet/config/common.go; format `%#v` of go-spew with sorted keys and without methods.
 */
import { isRecord } from "../base/record.ts";
import { GO_POD_TYPES } from "./go-pod-types.ts";
import { goQuantity } from "./go-quantity.ts";
import type { Pod } from "./kubernetes.ts";
import { POD_SCHEMA } from "./pod-schema.ts";

const ROOT = "core.Pod";
/** Its members are rounded by their defaults. */
const RESOURCE_LIST = "core.ResourceList";
const MAP = /^map\[(.+?)\](.+)$/;

/** Go's memory holds more of this value than its manifest says (the machine's time zone, the exact bytes). */
class Untold extends Error {}

/**
 * @param pod decoded and defaulted, with nothing added yet
 * @param written the parsed manifest that it was decoded from: how quantities were written counts, and what was absent
 * @param isListItem whether it is one of a PodList's, which keep what they say of kind and version
 * @returns undefined where a manifest does not say what Go's memory holds: it sets a time or `managedFields`, or a number beyond 2^53
 *   without quotes
 */
export function goPodDump(pod: Pod, written: unknown, isListItem: boolean): string | undefined {
  const said = isListItem ? written : undefined;
  const kind = member(said, "kind");
  const apiVersion = member(said, "apiVersion");
  try {
    return `(*${ROOT})${textOf(ROOT, { ...pod, kind, apiVersion }, written)}`;
  } catch (error) {
    if (error instanceof Untold) return undefined;
    throw error;
  }
}

/** With the type in front, as fields of structs have it. */
function typed(type: string, value: unknown, written: unknown): string {
  if (!type.startsWith("*")) return `(${type})${textOf(type, value, written)}`;
  return `(${type})${value === undefined ? "<nil>" : textOf(type.slice(1), value, written)}`;
}

function textOf(type: string, value: unknown, written: unknown): string {
  switch (type) {
    case "v1.Time":
      if (value) throw new Untold(type);
      return structText(type, {}, {});
    case "v1.FieldsV1":
      throw new Untold(type);
    case "intstr.IntOrString":
      return structText(type, intOrString(value), {});
    case "resource.Quantity":
      return quantityText(written, false);
    case "core.ResourceRequirements":
      return structText(type, value, withRequests(written));
  }
  const meaning = GO_POD_TYPES[type];
  if (typeof meaning === "object") return structText(type, value, written);
  return plainText(meaning ?? type, type === RESOURCE_LIST, value, written);
}

function structText(type: string, value: unknown, written: unknown): string {
  const fields = GO_POD_TYPES[type];
  if (typeof fields !== "object") throw new TypeError(`${type} is no struct in the table of Go's types`);
  const texts = fields.map((field) => {
    const [name = "", json = "", of = ""] = field.split(" ");
    // Go's embedded structs share the object around them.
    if (json === "-") return `${name}:${typed(of, value ?? {}, written)}`;
    const own = member(written, json);
    return `${name}:${typed(of, isFilled(type, json, of) && own == null ? undefined : member(value, json), own)}`;
  });
  return `{${texts.join(" ")}}`;
}

/** Where the decoder gives a value to what is absent. In Go a pointer is nil then. */
const isFilled = (type: string, json: string, of: string): boolean =>
  of.startsWith("*") && POD_SCHEMA[type.slice(type.indexOf(".") + 1)]?.[json]?.endsWith("!") === true;

/** Lists, maps and scalars. nil and empty differ: what the decoder put for a list that was absent is nil. */
function plainText(type: string, areResources: boolean, value: unknown, written: unknown): string {
  if (type.startsWith("[]")) {
    if (!Array.isArray(value) || (value.length === 0 && !Array.isArray(written))) return "<nil>";
    return `[${value.map((one, index) => textOf(type.slice(2), one, member(written, index))).join(" ")}]`;
  }
  const [, , valueType] = MAP.exec(type) ?? [];
  if (valueType !== undefined) {
    if (!isRecord(value)) return "<nil>";
    const texts = Object.keys(value)
      .sort()
      .map((key) => {
        const own = member(written, key);
        return `${key}:${areResources ? quantityText(own, true) : textOf(valueType, value[key], own)}`;
      });
    return `map[${texts.join(" ")}]`;
  }
  if (isInexact(written)) throw new Untold(type);
  return String(value ?? (type === "string" ? "" : type === "bool" ? false : 0));
}

function quantityText(written: unknown, inList: boolean): string {
  // An absent quantity has not even a format.
  if (written === undefined || written === null) return structText("resource.Quantity", {}, {});
  if (isInexact(written)) throw new Untold();
  const quantity = goQuantity(String(written), inList);
  if (!quantity) throw new Untold();
  return structText("resource.Quantity", quantity, quantity);
}

/** A whole number that was read as the nearest one that JavaScript has. */
const isInexact = (written: unknown): boolean => Number.isInteger(written) && !Number.isSafeInteger(written);

/** Requests that are absent are copies of the limits. */
function withRequests(written: unknown): unknown {
  const limits = member(written, "limits");
  const requests = member(written, "requests");
  return isRecord(limits)
    ? { ...(written as object), requests: { ...limits, ...(isRecord(requests) && requests) } }
    : written;
}

const intOrString = (value: unknown): unknown =>
  typeof value === "string" ? { Type: 1, StrVal: value } : { Type: 0, IntVal: value };

const member = (of: unknown, key: string | number): unknown =>
  typeof of === "object" && of !== null && Object.hasOwn(of, key)
    ? (of as Record<string | number, unknown>)[key]
    : undefined;
