import { KubeletError } from "../base/fault.ts";

/** Something that `kubelet install` did, and `kubelet uninstall` undoes. */
export type Done =
  | { readonly what: "directory"; readonly path: string }
  /** `sha256` of what was written, in hex. `yours`: people change it, and it stays when they have. */
  | { readonly what: "file"; readonly path: string; readonly sha256: string; readonly yours?: boolean }
  | { readonly what: "enabled" | "started"; readonly unit: string };

export interface InstallRecord {
  readonly formatVersion: 1;
  /** Version of Kubernetes. */
  readonly kubelet: string;
  /** RFC 3339. */
  readonly at: string;
  /** False: it was cut short. */
  readonly complete: boolean;
  /** In the order in which it was done. */
  readonly done: readonly Done[];
}

/** Not in the kubelet's root directory, which `kubeadm reset` empties. */
export const RECORD_FOLDER = "/var/lib/kubelet-ts";
export const RECORD_PATH = `${RECORD_FOLDER}/install.json`;

export const encodeRecord = (record: InstallRecord): string => `${JSON.stringify(record, undefined, 2)}\n`;

/** Fields of a later release that are not known here are let pass. @throws KubeletError `file-failed` for anything else that is no record */
export function decodeRecord(text: string): InstallRecord {
  const value = parsed(text);
  if (value?.formatVersion !== 1) {
    throw refused(
      typeof value?.formatVersion === "number"
        ? `it has format ${value.formatVersion}, and this kubelet knows format 1; use the kubelet that installed it`
        : "it is not what kubelet install wrote",
    );
  }
  if (!Array.isArray(value.done) || !value.done.every(isDone))
    throw refused("it names steps that this kubelet does not know");
  const { kubelet, at, complete, done } = value;
  return { formatVersion: 1, kubelet: `${kubelet}`, at: `${at}`, complete: complete === true, done };
}

function parsed(text: string): { readonly [field: string]: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function isDone(value: unknown): value is Done {
  if (typeof value !== "object" || value === null || !("what" in value)) return false;
  if (value.what === "directory") return "path" in value && isAbsolute(value.path);
  if (value.what === "file") return "path" in value && isAbsolute(value.path) && "sha256" in value;
  return (value.what === "enabled" || value.what === "started") && "unit" in value && typeof value.unit === "string";
}

const isAbsolute = (path: unknown): boolean => typeof path === "string" && path.startsWith("/");

const refused = (why: string): KubeletError =>
  new KubeletError(`Cannot use ${RECORD_PATH}: ${why}`, { code: "file-failed", path: RECORD_PATH, errno: "EINVAL" });
