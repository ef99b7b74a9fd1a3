import { join } from "node:path";
import { isFault } from "../base/fault.ts";
import type { Pod } from "../model/kubernetes.ts";
import type { LocalAnswers, RejectedManifest } from "../node/index.ts";
import type { LocalReply } from "../ports/http-server.ts";
import { VerbError, type VerbIo } from "./io.ts";

const DEFAULT_ROOT = "/var/lib/kubelet";
const MAX_ANSWER = 256 * 1024 * 1024;

export const rootDirOf = (option: string | undefined, io: VerbIo): string =>
  option ?? io.env.KUBELET_ROOT ?? DEFAULT_ROOT;

/** The running kubelet of one root directory. */
export interface NodeClient {
  pods(): Promise<{ readonly items: readonly Pod[]; readonly rejected: readonly RejectedManifest[] }>;
  local<What extends keyof LocalAnswers>(
    what: What,
    query?: { readonly [name: string]: string },
  ): Promise<LocalAnswers[What]>;
  stream(pathAndQuery: string): Promise<LocalReply>;
}

/** Every call throws VerbError when no kubelet answers. */
export function nodeClient(rootDir: string, io: VerbIo, signal: AbortSignal): NodeClient {
  const connection = io.connect(join(rootDir, "kubelet.sock"));
  const stream = async (path: string): Promise<LocalReply> => {
    try {
      return await connection.get(path, signal);
    } catch (error) {
      throw isFault(error, "file-failed") ? new VerbError(unreachableText(rootDir, error.fault.errno)) : error;
    }
  };
  const json = async (path: string): Promise<unknown> => {
    const { status, body } = await stream(path);
    const text = await textOf(body);
    if (status !== 200) throw new VerbError(`The kubelet answered ${status} to ${path}: ${text.trim()}`);
    return JSON.parse(text);
  };
  return {
    stream,
    async pods() {
      // The socket is served by a kubelet of this very build, so its answers are trusted to have their types.
      const { items, rejectedManifests = [] } = (await json("/pods")) as {
        items: Pod[];
        rejectedManifests?: RejectedManifest[];
      };
      return { items, rejected: rejectedManifests };
    },
    async local(what, query = {}) {
      return (await json(`/local/${what}?${new URLSearchParams(query)}`)) as LocalAnswers[typeof what];
    },
  };
}

export async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    parts.push(part);
    size += part.length;
    if (size > MAX_ANSWER) throw new VerbError("The kubelet's answer is longer than 256 MiB");
  }
  return Buffer.concat(parts).toString("utf8");
}

function unreachableText(rootDir: string, errno: string): string {
  const at = `Cannot reach a kubelet at ${rootDir}`;
  switch (errno) {
    case "ENOENT":
      return `${at}: none is running there; start one, or name its root directory by --root-dir or KUBELET_ROOT`;
    case "ECONNREFUSED":
      return `${at}: it was ended without warning and left its socket behind; start it again`;
    case "EACCES":
    case "EPERM":
      return `${at}: its socket is for root only; run this as root`;
    default:
      return `${at}: ${errno} at its socket kubelet.sock`;
  }
}
