import type { Container, ContainerState, ContainerStatus, Pod, Volume } from "../model/kubernetes.ts";
import type { CountedEvent, TimelineEntry } from "../node/index.ts";
import { messageText, whenText } from "./events.ts";
import { summarize } from "./pod-summary.ts";
import { age, renderTable, visible } from "./table.ts";
import { waitsOf } from "./waits.ts";

export interface PodStory {
  readonly pod: Pod;
  readonly events: readonly CountedEvent[];
  readonly timeline: readonly TimelineEntry[];
}

const SOURCE = "kubernetes.io/config.source";

/** Everything about one pod, for a person. */
export function describePod({ pod, events, timeline }: PodStory, now: Date): string {
  const { spec, status } = pod;
  const waits = waitsOf(pod, now);
  // A timeline holds the events too; they have a place of their own below.
  const told = new Set(events.map(({ reason, message }) => `${reason}: ${message}`));
  return [
    renderTable(facts(pod, now)),
    waits.length === 0 ? "" : `\nWaits for:\n${waits.map((text) => `  ${visible(text)}\n`).join("")}`,
    section("Conditions", conditionLines(pod, now)),
    containers("Init containers", spec?.initContainers ?? [], status?.initContainerStatuses ?? [], now),
    containers("Containers", spec?.containers ?? [], status?.containerStatuses ?? [], now),
    section("Volumes", (spec?.volumes ?? []).map(volumeLine)),
    section(
      "Timeline",
      timeline.filter(({ text }) => !told.has(text)).map(({ at, text }) => [age(at, now), text]),
    ),
    section(
      "Events",
      events.length === 0
        ? [["none kept"]]
        : events.map((event) => [whenText(event, now), event.type, event.reason, messageText(event)]),
    ),
  ].join("");
}

function facts(pod: Pod, now: Date): readonly (readonly string[])[] {
  const { metadata, spec, status } = pod;
  const map = (values: { readonly [key: string]: string } | undefined) =>
    Object.entries(values ?? {}).map(([key, value]) => `${key}=${value}`);
  const many = (title: string, values: readonly string[]) => values.map((value, n) => [n === 0 ? title : "", value]);
  const created = metadata?.creationTimestamp ?? status?.startTime;
  return [
    ["Name:", metadata?.name ?? ""],
    ["Namespace:", metadata?.namespace ?? ""],
    ["UID:", metadata?.uid ?? ""],
    ["Source:", metadata?.annotations?.[SOURCE] ?? "-"],
    ["Node:", `${spec?.nodeName ?? "-"}${status?.hostIP ? ` (${status.hostIP})` : ""}`],
    ["Status:", `${summarize(pod).status}${status?.message ? ` (${status.message})` : ""}`],
    ["Started:", created === undefined ? "-" : `${created} (${age(created, now)} ago)`],
    ["IP:", (status?.podIPs ?? []).map(({ ip }) => ip).join(", ") || status?.podIP || "-"],
    ["QoS class:", status?.qosClass ?? "-"],
    ["Restart policy:", spec?.restartPolicy ?? "-"],
    ...many("Labels:", map(metadata?.labels)),
    ...many("Annotations:", map(metadata?.annotations)),
  ];
}

function conditionLines({ status }: Pod, now: Date): readonly (readonly string[])[] {
  return (status?.conditions ?? []).map((one) => [
    one.type,
    one.status,
    age(one.lastTransitionTime, now),
    one.reason ?? "",
    one.message ?? "",
  ]);
}

function containers(title: string, specs: readonly Container[], seen: readonly ContainerStatus[], now: Date): string {
  if (specs.length === 0) return "";
  const blocks = specs.map((spec) => {
    const lines = containerLines(
      spec,
      seen.find(({ name }) => name === spec.name),
      now,
    );
    return `  ${visible(spec.name)}:\n${indent(renderTable(lines), 4)}`;
  });
  return `\n${title}:\n${blocks.join("")}`;
}

function containerLines(spec: Container, seen: ContainerStatus | undefined, now: Date): readonly (readonly string[])[] {
  const last = seen?.lastState?.terminated;
  const amounts = (values: { readonly [name: string]: unknown } | undefined) =>
    Object.entries(values ?? {})
      .map(([name, value]) => `${name}=${value}`)
      .join(", ");
  const optional = (title: string, value: string) => (value === "" ? [] : [[title, value]]);
  return [
    ["Image:", spec.image ?? ""],
    ...optional("ID:", seen?.containerID ?? ""),
    ["State:", stateText(seen?.state, now)],
    ...(last === undefined ? [] : [["Last state:", stateText({ terminated: last }, now)]]),
    ["Ready:", seen?.ready ? "yes" : "no"],
    ["Restarts:", `${seen?.restartCount ?? 0}`],
    ...optional("Command:", [...(spec.command ?? []), ...(spec.args ?? [])].join(" ")),
    ...optional(
      "Ports:",
      (spec.ports ?? [])
        .map(
          (port) => `${port.containerPort}/${port.protocol ?? "TCP"}${port.hostPort ? ` (host ${port.hostPort})` : ""}`,
        )
        .join(", "),
    ),
    ...optional("Requests:", amounts(spec.resources?.requests)),
    ...optional("Limits:", amounts(spec.resources?.limits)),
    ...(spec.volumeMounts ?? []).map((mount, n) => [
      n === 0 ? "Mounts:" : "",
      `${mount.mountPath} from ${mount.name}${mount.readOnly ? " (read-only)" : ""}`,
    ]),
  ];
}

function stateText(state: ContainerState | undefined, now: Date): string {
  const { running, terminated, waiting } = state ?? {};
  if (running) return `running since ${running.startedAt ?? "?"} (${age(running.startedAt, now)})`;
  if (terminated) {
    const how = `exit code ${terminated.exitCode}${terminated.signal ? `, signal ${terminated.signal}` : ""}`;
    const text = terminated.message ? `: ${terminated.message.trim()}` : "";
    return `ended ${age(terminated.finishedAt, now)} ago, ${terminated.reason || "no reason"} (${how})${text}`;
  }
  if (waiting) return `waiting, ${waiting.reason || "no reason"}${waiting.message ? `: ${waiting.message}` : ""}`;
  return "not seen yet";
}

function volumeLine({ name, ...source }: Volume): readonly string[] {
  const [kind = "emptyDir", value] = Object.entries(source).find(([, one]) => one !== undefined) ?? [];
  const details = Object.entries(value ?? {}).filter(([, one]) => typeof one !== "object" && one !== "");
  return [name, kind, details.map(([key, one]) => `${key}=${one}`).join(", ")];
}

const section = (title: string, lines: readonly (readonly string[])[]): string =>
  lines.length === 0 ? "" : `\n${title}:\n${indent(renderTable(lines), 2)}`;

const indent = (text: string, by: number): string => text.replace(/^(?=.)/gm, " ".repeat(by));
