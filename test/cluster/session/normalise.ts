/** What a user sees, without what differs between any two runs: times, ids, addresses, sizes. */
import type { AnyObject } from "../../../scripts/lib/cluster/api-client.ts";
import type { Pod } from "../../../src/model/kubernetes.ts";

/** The status as kubectl's YAML shows it. */
export function statusLines({ status }: Pod): readonly string[] {
  return ["status:", ...yamlLines(status, "  ")];
}

/** Block style without quotes: for reading and comparing only. */
function yamlLines(value: unknown, indent: string): readonly string[] {
  if (Array.isArray(value)) {
    return value.flatMap((member) => {
      const [first = "", ...more] = yamlLines(member, `${indent}  `);
      return [`${indent}- ${first.trimStart()}`, ...more];
    });
  }
  if (typeof value !== "object" || value === null) return [`${indent}${value}`];
  return Object.entries(value).flatMap(([key, member]) => {
    if (typeof member !== "object" || member === null) return [`${indent}${key}: ${member}`];
    if (Object.keys(member).length === 0) return [`${indent}${key}: {}`];
    return [`${indent}${key}:`, ...yamlLines(member, `${indent}  `)];
  });
}

/** One line for each event, sorted: many come within one second. How often an event came is a matter of time. */
export function eventLines(events: readonly AnyObject[]): readonly string[] {
  const lines = events.map(({ type, reason, source, reportingComponent, involvedObject, message }) => {
    const field = involvedObject.fieldPath === undefined ? "" : ` ${involvedObject.fieldPath}`;
    const from = `${source?.component}/${source?.host}/${reportingComponent}`;
    return `event: ${type} ${reason} [${from}${field}] ${message}`;
  });
  // Events of the same words that were not combined differ by time only.
  return [...new Set(lines)].sort();
}

/** In this order. */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/\bsha256:[0-9a-f]{64}/g, "sha256:DIGEST"],
  [/\b[0-9a-f]{64}\b/g, "ID"],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, "UID"],
  [/\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)/g, "TIME"],
  [/\b\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d\.\d+/g, "TIME"],
  [/\b[A-Z][a-z]{2} +\d+ \d\d:\d\d\b/g, "TIME"],
  [/\b10\.244\.\d+\.\d+\b/g, "POD-IP"],
  [/\b(10|172|192)\.\d+\.\d+\.\d+:/g, "ADDRESS:"],
  [/resourceVersion: \d+/g, "resourceVersion: N"],
  [/\b(\d+m)?\d+(\.\d+)?(ms|s|µs) \((\d+m)?\d+(\.\d+)?(ms|s|µs) including waiting\)/g, "DURATION"],
  [/Image size: \d+ bytes/g, "Image size: N bytes"],
  [/ \((\d+m)?\d+s ago\)/g, " (AGO)"],
  [/( +)(\d+m)?\d+s$/gm, "$1AGE"],
  [/back-off (\d+m)?\d+s/g, "back-off DURATION"],
  [/\/tmp\/[^ :"]*(?=\/(root|logs|cd)\/)/g, "/FOLDER"],
  [/kube-api-access-\w+/g, "kube-api-access-X"],
  [/ +$/gm, ""],
];

export function normalised(text: string, { metadata }: Pod, blurred: typeof PATTERNS = []): string {
  let result = text.replaceAll(metadata?.uid ?? "no uid", "POD-UID");
  for (const [pattern, to] of [...PATTERNS, ...blurred]) result = result.replaceAll(pattern, to);
  return result;
}
