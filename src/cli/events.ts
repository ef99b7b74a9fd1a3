import type { CountedEvent } from "../node/index.ts";
import { choose, parseVerbArgs } from "./args.ts";
import { findPod } from "./find-pod.ts";
import { VerbError, type VerbIo } from "./io.ts";
import { nodeClient, rootDirOf } from "./node-client.ts";
import { printValue } from "./print.ts";
import { age, renderTable } from "./table.ts";

/** `kubelet events [POD] [-n NAMESPACE] [-o json|yaml]` */
export async function eventsVerb(argv: readonly string[], io: VerbIo, signal: AbortSignal): Promise<number> {
  const { options, words } = parseVerbArgs(argv, {
    namespace: { type: "string", short: "n" },
    output: { type: "string", short: "o" },
  });
  const [name, ...rest] = words;
  if (rest.length > 0) throw new VerbError("Cannot show events: it is `kubelet events [POD]`");
  const output = choose(options.output, ["table", "json", "yaml"], "table", "-o");
  const client = nodeClient(rootDirOf(options["root-dir"], io), io, signal);
  const query = name === undefined ? {} : { uid: await uidOf(name) };
  const events = (await client.local("events", query)).filter(
    ({ about }) => options.namespace === undefined || (about.kind === "pod" && about.namespace === options.namespace),
  );
  if (output !== "table") await printValue(events, output, io);
  else if (events.length > 0)
    await io.write(renderTable([EVENT_HEAD, ...events.map((event) => eventLine(event, io.now()))]));
  else io.complain("No events");
  return 0;

  async function uidOf(pod: string): Promise<string> {
    const [{ items }, { nodeName }] = await Promise.all([client.pods(), client.local("node")]);
    return findPod(items, { name: pod, namespace: options.namespace, nodeName }).metadata?.uid ?? "";
  }
}

const EVENT_HEAD = ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"];

const eventLine = (event: CountedEvent, now: Date): readonly string[] => [
  whenText(event, now),
  event.type,
  event.reason,
  aboutText(event.about),
  messageText(event),
];

/** With the container in front, as `kubectl describe` shows it: what happens to one reads like what happens to the next. */
export const messageText = ({ about, message }: CountedEvent): string =>
  about.kind === "pod" && about.fieldPath ? `${about.fieldPath}: ${message}` : message;

/** `12s`, `3s (5 times in 4m)` */
export function whenText({ firstAt, lastAt, count }: CountedEvent, now: Date): string {
  const last = age(lastAt, now);
  return count > 1 ? `${last} (${count} times in ${age(firstAt, now)})` : last;
}

function aboutText(about: CountedEvent["about"]): string {
  switch (about.kind) {
    case "pod":
      return `pod/${about.namespace}/${about.name}`;
    case "manifest":
      return `manifest/${about.source}`;
    case "node":
      return "node";
  }
}
