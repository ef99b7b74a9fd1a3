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
 * A path of the node itself: has no directory of its own, belongs to no fsGroup, and is never removed. The look at it runs in libuv's
 * pool; a path on a dead network mount holds that thread, which comes to an end with the mount (network volumes: a later issue).
 */
export function hostPath({ files }: { readonly files: Files }): VolumePlugin<"hostPath"> {
  return {
    async setUp(_, { path, type }) {
      if (path.split("/").includes("..")) throw new Error(`invalid HostPath \`${path}\`: must not contain '..'`);
      if (type === "") return path;
      const stat = (await files.statFollow(path)) ?? (await make(path, type, files));
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
