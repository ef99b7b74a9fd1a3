import { orAborted } from "../base/abort.ts";
import type { HostPathType } from "../model/host-path.ts";
import type { FileStat, Files } from "../ports/files.ts";
import type { VolumePlugin } from "./plugin.ts";

const EXPECTED: { readonly [T in Exclude<HostPathType, "">]: readonly [kind: FileStat["kind"], words: string] } = {
  DirectoryOrCreate: ["directory", "directory"],
  Directory: ["directory", "directory"],
  FileOrCreate: ["file", "file"],
  File: ["file", "file"],
  Socket: ["socket", "socket file"],
  CharDevice: ["char-device", "character device"],
  BlockDevice: ["block-device", "block device"],
};

/**
 * A path of the node itself: has no directory of its own, belongs to no fsGroup, and is never removed. It may be on a network mount that is dead, where a
 * look does not come back before the mount does: whoever waits for it can go, and nobody looks a second time meanwhile, for each look holds a thread.
 */
export function hostPath({ files }: { readonly files: Files }): VolumePlugin<"hostPath"> {
  const looking = new Map<string, Promise<FileStat | undefined>>();

  function look(path: string, type: Exclude<HostPathType, "">): Promise<FileStat | undefined> {
    const key = `${type} ${path}`;
    const known = looking.get(key);
    if (known) return known;
    const found = files
      .statFollow(path)
      .then((stat) => stat ?? make(path, type, files))
      .finally(() => looking.delete(key));
    found.catch(() => {});
    looking.set(key, found);
    return found;
  }

  return {
    async setUp(_, { path, type }, signal) {
      if (path.split("/").includes("..")) throw new Error(`invalid HostPath \`${path}\`: must not contain '..'`);
      if (type === "") return path;
      const stat = await orAborted(look(path, type), signal);
      const [kind, words] = EXPECTED[type];
      if (stat?.kind !== kind) {
        throw new Error(`hostPath type check failed: ${path} is not a ${words}${stat ? "" : ": it does not exist"}`);
      }
      return path;
    },
  };
}

async function make(path: string, type: HostPathType, files: Files): Promise<FileStat | undefined> {
  if (type === "DirectoryOrCreate") await files.makeDirectory(path, 0o755);
  // Not its parents: a file in a place that nobody prepared is most likely a mistake.
  if (type === "FileOrCreate") await files.writeInPlace(path, "", 0o644);
  return files.statFollow(path);
}
