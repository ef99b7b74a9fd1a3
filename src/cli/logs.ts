import { parseVerbArgs, spanSeconds, wholeNumber } from "./args.ts";
import { findContainer, findPod } from "./find-pod.ts";
import { VerbError, type VerbIo } from "./io.ts";
import { nodeClient, rootDirOf, textOf } from "./node-client.ts";

/** `kubelet logs [-f] [-p] [--tail N] [--since 5m] [--since-time T] [--timestamps] [--limit-bytes N] [-n NS] POD [CONTAINER | -c CONTAINER]` */
export async function logsVerb(argv: readonly string[], io: VerbIo, signal: AbortSignal): Promise<number> {
  const { options, words } = parseVerbArgs(argv, {
    follow: { type: "boolean", short: "f" },
    previous: { type: "boolean", short: "p" },
    timestamps: { type: "boolean" },
    tail: { type: "string" },
    since: { type: "string" },
    "since-time": { type: "string" },
    "limit-bytes": { type: "string" },
    container: { type: "string", short: "c" },
    namespace: { type: "string", short: "n" },
  });
  const [name, word, ...rest] = words;
  if (name === undefined || rest.length > 0)
    throw new VerbError("Cannot show logs: it is `kubelet logs [-f] POD [-c CONTAINER]`");
  const query = new URLSearchParams();
  const put = (key: string, value: string | number | boolean | undefined) => {
    if (value !== undefined && value !== false) query.set(key, `${value}`);
  };
  put("follow", options.follow);
  put("previous", options.previous);
  put("timestamps", options.timestamps);
  put("tailLines", options.tail === "-1" ? undefined : wholeNumber(options.tail, "--tail"));
  put("limitBytes", wholeNumber(options["limit-bytes"], "--limit-bytes"));
  put("sinceSeconds", spanSeconds(options.since, "--since"));
  put("sinceTime", options["since-time"]);

  const client = nodeClient(rootDirOf(options["root-dir"], io), io, signal);
  const [{ items }, { nodeName }] = await Promise.all([client.pods(), client.local("node")]);
  const pod = findPod(items, { name, namespace: options.namespace, nodeName });
  const container = findContainer(pod, options.container ?? word);
  const path = [pod.metadata?.namespace ?? "", pod.metadata?.name ?? "", container].map(encodeURIComponent).join("/");
  const { status, body } = await client.stream(`/containerLogs/${path}?${query}`);
  if (status !== 200) throw new VerbError(`Cannot show logs: ${(await textOf(body)).trim()}`);
  for await (const part of body) await io.write(part);
  return 0;
}
