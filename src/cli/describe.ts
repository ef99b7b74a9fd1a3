import { choose, parseVerbArgs } from "./args.ts";
import { describePod } from "./describe-pod.ts";
import { findPod } from "./find-pod.ts";
import { VerbError, type VerbIo } from "./io.ts";
import { nodeClient, rootDirOf } from "./node-client.ts";
import { printValue } from "./print.ts";

/** `kubelet describe pod NAME [-n NAMESPACE] [-o json|yaml]` */
export async function describeVerb(argv: readonly string[], io: VerbIo, signal: AbortSignal): Promise<number> {
  const { options, words } = parseVerbArgs(argv, {
    namespace: { type: "string", short: "n" },
    output: { type: "string", short: "o" },
  });
  const [what, name, ...rest] = words;
  if (what === undefined || !["pod", "pods", "po"].includes(what) || name === undefined || rest.length > 0) {
    throw new VerbError("Cannot describe that: it is `kubelet describe pod NAME`");
  }
  const output = choose(options.output, ["text", "json", "yaml"], "text", "-o");
  const client = nodeClient(rootDirOf(options["root-dir"], io), io, signal);
  const [{ items }, { nodeName }] = await Promise.all([client.pods(), client.local("node")]);
  const pod = findPod(items, { name, namespace: options.namespace, nodeName });
  const uid = pod.metadata?.uid ?? "";
  const [events, timeline] = await Promise.all([client.local("events", { uid }), client.local("timeline", { uid })]);
  if (output === "text") await io.write(describePod({ pod, events, timeline }, io.now()));
  else await printValue({ pod: { apiVersion: "v1", kind: "Pod", ...pod }, events, timeline }, output, io);
  return 0;
}
