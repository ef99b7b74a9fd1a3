import type { Pod } from "../model/kubernetes.ts";
import type { RejectedManifest } from "../node/index.ts";
import { choose, parseVerbArgs } from "./args.ts";
import { findPod } from "./find-pod.ts";
import { VerbError, type VerbIo } from "./io.ts";
import { nodeClient, rootDirOf } from "./node-client.ts";
import { summarize } from "./pod-summary.ts";
import { printValue } from "./print.ts";
import { age, renderTable, visible } from "./table.ts";

/** `kubelet get pods [NAME] [-A | -n NAMESPACE] [-o wide|json|yaml]` */
export async function getVerb(argv: readonly string[], io: VerbIo, signal: AbortSignal): Promise<number> {
  const { options, words } = parseVerbArgs(argv, {
    "all-namespaces": { type: "boolean", short: "A" },
    namespace: { type: "string", short: "n" },
    output: { type: "string", short: "o" },
  });
  const [what, name, ...rest] = words;
  if (what === undefined || !["pods", "pod", "po"].includes(what) || rest.length > 0) {
    throw new VerbError("Cannot get that: it is `kubelet get pods [NAME]`");
  }
  const output = choose(options.output, ["table", "wide", "json", "yaml"], "table", "-o");
  const client = nodeClient(rootDirOf(options["root-dir"], io), io, signal);
  const { items, rejected } = await client.pods();
  const namespace = options["all-namespaces"] ? undefined : options.namespace;
  const { nodeName } = name === undefined ? { nodeName: "" } : await client.local("node");
  const one = name === undefined ? undefined : findPod(items, { name, namespace, nodeName });
  const pods = one
    ? [one]
    : sorted(items.filter(({ metadata }) => namespace === undefined || metadata?.namespace === namespace));
  if (output === "json" || output === "yaml") {
    const typed = (pod: Pod) => ({ apiVersion: "v1", kind: "Pod", ...pod });
    await printValue(
      one ? typed(one) : { apiVersion: "v1", kind: "List", metadata: {}, items: pods.map(typed) },
      output,
      io,
    );
  } else if (pods.length > 0) await io.write(podTable(pods, io.now(), output === "wide"));
  else
    io.complain(namespace === undefined ? "No pods on this node" : `No pods in namespace "${namespace}" of this node`);
  if (one === undefined) for (const manifest of rejected) io.complain(rejectedText(manifest));
  return 0;
}

const rejectedText = ({ source, message, problems }: RejectedManifest): string =>
  [`Manifest ${source}: ${message}`, ...problems.map((one) => `  ${one.field} ${one.message}`)].map(visible).join("\n");

const sorted = (pods: readonly Pod[]): readonly Pod[] =>
  [...pods].sort(
    (a, b) => order(a.metadata?.namespace, b.metadata?.namespace) || order(a.metadata?.name, b.metadata?.name),
  );
const order = (a = "", b = ""): number => (a < b ? -1 : a > b ? 1 : 0);

export function podTable(pods: readonly Pod[], now: Date, wide: boolean): string {
  const head = ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE", ...(wide ? ["IP", "NODE", "IMAGES"] : [])];
  return renderTable([head, ...pods.map((pod) => podLine(pod, now, wide))]);
}

function podLine(pod: Pod, now: Date, wide: boolean): readonly string[] {
  const { metadata, spec, status } = pod;
  const { ready, status: word, restarts, lastRestartAt } = summarize(pod);
  const line = [
    metadata?.namespace ?? "",
    metadata?.name ?? "",
    ready,
    word,
    restarts > 0 && lastRestartAt ? `${restarts} (${age(lastRestartAt, now)} ago)` : `${restarts}`,
    age(metadata?.creationTimestamp ?? status?.startTime, now),
  ];
  if (!wide) return line;
  return [
    ...line,
    status?.podIP || "<none>",
    spec?.nodeName || "<none>",
    (spec?.containers ?? []).map(({ image = "" }) => image).join(","),
  ];
}
