import { join } from "node:path";
import { messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import type { FileStat, Files } from "../ports/files.ts";

const READ_WRITE = 0o660;
const READ_ONLY = 0o440;
const ENTER = 0o110;
/** New files in it belong to the group too. */
const SET_GID = 0o2000;

export interface OwnershipOptions {
  readonly fsGroup: number;
  readonly readonly: boolean;
}

/**
 * Gives a volume to the pod's fsGroup: group and rw for it on everything, no execute bits on files. Children before their directory, so
 * that a directory that is right says that all in it is. Single entries that refuse are only logged: a pod may be changing them.
 */
export async function giveToGroup(
  path: string,
  options: OwnershipOptions,
  { files, log }: { readonly files: Files; readonly log: Log },
): Promise<void> {
  const stat = await files.stat(path);
  if (stat === undefined) return;
  if (stat.kind === "directory") {
    for (const name of (await files.list(path)) ?? []) await giveToGroup(join(path, name), options, { files, log });
  }
  try {
    await files.lchown(path, stat.uid, options.fsGroup);
    if (stat.kind !== "symlink") await files.chmod(path, modeFor(stat, options));
  } catch (error) {
    log.error("Failed to give file to the pod's fsGroup", { path, fsGroup: options.fsGroup, err: messageOf(error) });
  }
}

const modeFor = ({ kind, mode }: FileStat, { readonly }: OwnershipOptions): number =>
  mode | (readonly ? READ_ONLY : READ_WRITE) | (kind === "directory" ? ENTER | SET_GID : 0);
