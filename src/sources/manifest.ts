import type { Problem } from "../base/fault.ts";
import { isFault } from "../base/fault.ts";
import { decodePod, decodePodList } from "../model/decode.ts";
import type { Pod } from "../model/kubernetes.ts";
import { uidOf } from "../model/pod.ts";
import { manifestText, parseYamlDocument } from "../model/yaml.ts";
import { staticPod } from "./static-pod.ts";
import type { ManifestWarning, Origin } from "./update.ts";

/** What a manifest's text means. */
export type Manifest =
  | { readonly kind: "pods"; readonly pods: readonly Pod[]; readonly warnings: readonly ManifestWarning[] }
  | {
      readonly kind: "invalid";
      readonly name?: string;
      readonly namespace?: string;
      readonly problems: readonly Problem[];
    };

/** More problems than this help nobody, and would fill log and memory. */
const MAX_PROBLEMS = 50;

/** A file holds one Pod; a URL may also give a PodList, which is taken whole or not at all. Never throws for what the content is. */
export async function readManifest(content: Uint8Array, origin: Origin): Promise<Manifest> {
  const manifest = await readWhole(content, origin);
  if (manifest.kind === "pods" || manifest.problems.length <= MAX_PROBLEMS) return manifest;
  const rest = { field: "", message: `has ${manifest.problems.length - MAX_PROBLEMS} more problems` };
  return { ...manifest, problems: [...manifest.problems.slice(0, MAX_PROBLEMS), rest] };
}

async function readWhole(content: Uint8Array, origin: Origin): Promise<Manifest> {
  try {
    const document = await parseYamlDocument(manifestText(content, origin.where), origin.where);
    const pods = await podsOf(document.value, origin);
    return document.ignoredDocuments === 0 ? pods : withWarning(pods, origin, document.ignoredDocuments);
  } catch (error) {
    if (isFault(error, "manifest-invalid")) return { kind: "invalid", problems: error.fault.problems };
    // JSON may nest deeper than a stack is high.
    if (error instanceof RangeError)
      return { kind: "invalid", problems: [{ field: "", message: "is nested too deeply" }] };
    throw error;
  }
}

async function podsOf(value: unknown, origin: Origin): Promise<Manifest> {
  if (origin.source === "http" && kindOf(value) === "PodList") return podsOfList(value, origin);
  const decoded = decodePod(value);
  if (decoded.kind === "invalid") return { kind: "invalid", ...identityOf(value), problems: decoded.problems };
  const read = await staticPod(decoded.value, { value, isListItem: false }, origin);
  if (read.kind === "invalid")
    // A misspelt field is often why a needed one is missing.
    return { kind: "invalid", ...identityOf(value), problems: [...read.problems, ...decoded.unknownFields] };
  const problems = [...decoded.unknownFields, ...read.warnings];
  const warnings = problems.length === 0 ? [] : [{ where: origin.where, uid: uidOf(read.pod), problems }];
  return { kind: "pods", pods: [read.pod], warnings };
}

async function podsOfList(value: unknown, origin: Origin): Promise<Manifest> {
  const list = decodePodList(value);
  if (list.kind === "invalid") return { kind: "invalid", problems: list.problems };
  const items = memberOf(value, "items");
  const written: readonly unknown[] = Array.isArray(items) ? items : [];
  const pods: Pod[] = [];
  const warnings: ManifestWarning[] = [];
  const problems: Problem[] = [];
  for (const [index, decoded] of list.value.entries()) {
    const read = await staticPod(decoded, { value: written[index], isListItem: true }, origin);
    const prefix = `items[${index}].`;
    const own = list.unknownFields.filter(({ field }) => field.startsWith(prefix));
    if (read.kind === "invalid")
      problems.push(...read.problems.map((problem) => ({ ...problem, field: `${prefix}${problem.field}` })), ...own);
    else {
      pods.push(read.pod);
      const all = [...own, ...read.warnings];
      if (all.length > 0) warnings.push({ where: origin.where, uid: uidOf(read.pod), problems: all });
    }
  }
  return problems.length > 0 ? { kind: "invalid", problems } : { kind: "pods", pods, warnings };
}

function withWarning(manifest: Manifest, origin: Origin, ignored: number): Manifest {
  const [first] = manifest.kind === "pods" ? manifest.pods : [];
  if (manifest.kind !== "pods" || !first) return manifest;
  const problem = {
    field: "",
    message: `has ${ignored} more documents, which are not read: put each pod in a file of its own`,
  };
  return {
    ...manifest,
    warnings: [...manifest.warnings, { where: origin.where, uid: uidOf(first), problems: [problem] }],
  };
}

/** Whose manifest it was meant to be, as far as that can be read. */
function identityOf(value: unknown): { readonly name?: string; readonly namespace?: string } {
  const metadata = memberOf(value, "metadata");
  const name = memberOf(metadata, "name");
  const namespace = memberOf(metadata, "namespace");
  return { ...(typeof name === "string" && { name }), ...(typeof namespace === "string" && { namespace }) };
}

const kindOf = (value: unknown): unknown => memberOf(value, "kind");

const memberOf = (value: unknown, field: string): unknown =>
  typeof value === "object" && value !== null ? (value as { readonly [field: string]: unknown })[field] : undefined;
