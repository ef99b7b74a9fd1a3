import { normalize } from "node:path";
import type { TextMap } from "./codecs-list.ts";
import { isAddress } from "./codecs-scalar.ts";

const NAME = /^[A-Za-z\d]([-A-Za-z\d_.]{0,61}[A-Za-z\d])?$/;
const SUBDOMAIN = /^[a-z\d]([-a-z\d]*[a-z\d])?(\.[a-z\d]([-a-z\d]*[a-z\d])?)*$/;

/** A label or taint key: `name` or `prefix/name`, the name up to 63 characters, the prefix a DNS subdomain. */
export function isQualifiedName(key: string): boolean {
  const [name = "", prefix, ...more] = key.split("/").reverse();
  if (more.length > 0 || !NAME.test(name)) return false;
  return prefix === undefined || (prefix.length <= 253 && SUBDOMAIN.test(prefix));
}

export const isLabelValue = (value: string): boolean => value === "" || NAME.test(value);

/** Keys of Kubernetes' own domains that a kubelet may put on its node. */
const OWN_LABELS: readonly string[] = [
  ...["arch", "hostname", "os"].map((name) => `kubernetes.io/${name}`),
  ...["arch", "os", "instance-type"].map((name) => `beta.kubernetes.io/${name}`),
  "node.kubernetes.io/instance-type",
  ...["region", "zone"].flatMap((name) => [
    `topology.kubernetes.io/${name}`,
    `failure-domain.beta.kubernetes.io/${name}`,
  ]),
];
const OWN_DOMAINS: readonly string[] = ["kubelet.kubernetes.io", "node.kubernetes.io"];

export function nodeLabelsProblem(labels: TextMap): string | undefined {
  const wrong = Object.entries(labels).flatMap(([key, value]) => {
    if (!isQualifiedName(key)) return [`has the key "${key}", which is no valid label key`];
    if (!isLabelValue(value)) return [`has the value "${value}" for ${key}, which is no valid label value`];
    return isReserved(key)
      ? [`has the label ${key}, which is reserved: use a prefix under ${OWN_DOMAINS.join(" or ")}`]
      : [];
  });
  return wrong.length > 0 ? wrong.join("; ") : undefined;
}

function isReserved(key: string): boolean {
  const domain = key.includes("/") ? (key.split("/")[0] ?? "") : "";
  const within = (parents: readonly string[]) =>
    parents.some((parent) => domain === parent || domain.endsWith(`.${parent}`));
  return within(["kubernetes.io", "k8s.io"]) && !within(OWN_DOMAINS) && !OWN_LABELS.includes(key);
}

export function podLogsDirProblem(path: string): string | undefined {
  if (!path.startsWith("/")) return `must be an absolute path, got "${path}"`;
  if (path !== normalize(path) || (path.length > 1 && path.endsWith("/")))
    return `must be normalized (no "..", "//" or "/" at the end), got "${path}"`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
  return /^[\x00-\x7f]*$/.test(path) ? undefined : `must hold ASCII characters only, got "${path}"`;
}

/** CIDR blocks, one or one of each family, separated by a comma. */
export function cidrProblem(value: string): string | undefined {
  if (value === "") return undefined;
  const blocks = value.split(",").map((block) => block.trim());
  const wrong = blocks.find((block) => !isCidr(block));
  if (wrong !== undefined) return `must be a CIDR like 10.88.0.0/16, got "${wrong}"`;
  const families = blocks.map((block) => block.includes(":"));
  return new Set(families).size === blocks.length ? undefined : "must hold one CIDR, or one of each address family";
}

function isCidr(block: string): boolean {
  const [, address = "", bits = ""] = /^([\d.a-fA-F:]+)\/(\d{1,3})$/.exec(block) ?? [];
  return isAddress(address) && Number(bits) <= (address.includes(":") ? 128 : 32);
}

/** Image names without tag or digest, or prefixes that end in `/*`. */
export function allowlistProblem(patterns: readonly string[]): string | undefined {
  const wrong = patterns.find((pattern) => {
    if (pattern !== pattern.trim() || pattern === "" || pattern === "/*") return true;
    if (pattern.endsWith("/*")) return pattern.slice(0, -1).includes("*");
    return /[*@\s]/.test(pattern) || (pattern.split("/").at(-1) ?? "").includes(":");
  });
  return wrong === undefined
    ? undefined
    : `must hold image names without tag or digest, or prefixes ending in /*, got "${wrong}"`;
}

export function tracingEndpointProblem(endpoint: string): string | undefined {
  const scheme = endpoint.includes("//") ? (/^([^:/]*):?\/\//.exec(endpoint)?.[1] ?? "") : "dns";
  return ["dns", "unix", "unix-abstract"].includes(scheme)
    ? undefined
    : `must have scheme dns, unix, unix-abstract or none, got "${endpoint}"`;
}

/** CPU numbers and ranges as in `0-3,8`. Ranges run upward. */
export function isCpuList(value: string): boolean {
  return value.split(",").every((part) => {
    const [, first = "", last = first] = /^(\d+)(?:-(\d+))?$/.exec(part.trim()) ?? [];
    return first !== "" && Number(first) <= Number(last);
  });
}
