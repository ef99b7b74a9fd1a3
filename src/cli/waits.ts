import type { ContainerStatus, Pod } from "../model/kubernetes.ts";
import { isTerminalPhase } from "../model/pod.ts";
import { age } from "./table.ts";

/** What a pod waits for, one sentence each, in plain words. Empty: nothing. */
export function waitsOf(pod: Pod, now: Date): readonly string[] {
  const { status, spec, metadata } = pod;
  if (metadata?.deletionTimestamp) return ["It is being stopped: its containers have their grace period to end."];
  if (status && isTerminalPhase(status.phase)) {
    return status.message
      ? [`It is over (${status.phase}${status.reason ? `, ${status.reason}` : ""}): ${status.message}`]
      : [];
  }
  const images = new Map(
    [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].map(({ name, image }) => [name, image ?? ""]),
  );
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  if (all.length === 0) return ["The kubelet has seen the pod and has not begun to start it."];
  const waits = all.flatMap((one) => waitOf(one, images.get(one.name) ?? one.image, now) ?? []);
  const initsOpen = waits.length === 0 ? runningInits(pod) : [];
  const unready = (status?.containerStatuses ?? []).filter((one) => one.state?.running && !one.ready);
  return [
    ...waits,
    ...initsOpen.map((name) => `Init container "${name}" is running and must end first.`),
    ...(initsOpen.length > 0
      ? []
      : unready.map(
          ({ name, started }) =>
            `Container "${name}" is running and not ready: its ${started ? "readiness" : "startup"} probe has not succeeded.`,
        )),
  ];
}

function waitOf(
  { name, state, lastState, restartCount }: ContainerStatus,
  image: string,
  now: Date,
): string | undefined {
  const waiting = state?.waiting;
  if (waiting === undefined) return undefined;
  const detail = waiting.message ? `: ${waiting.message}` : "";
  const who = `Container "${name}"`;
  const last = lastState?.terminated;
  switch (waiting.reason) {
    case "PodInitializing":
      return undefined;
    case "ContainerCreating":
      return `${who} is about to be created: its volumes, network or image are being set up.`;
    case "ErrImagePull":
      return `${who} needs image "${image}", which could not be pulled${detail}`;
    case "ImagePullBackOff":
      return `${who} needs image "${image}", which could not be pulled; the next try comes after a pause${detail}`;
    case "ErrImageNeverPull":
      return `${who} needs image "${image}", which is not on this node, and its imagePullPolicy is Never.`;
    case "InvalidImageName":
      return `${who} names image "${image}", which is no valid name${detail}`;
    case "CrashLoopBackOff": {
      const how =
        last === undefined
          ? ""
          : ` (${age(last.finishedAt, now)} ago, exit code ${last.exitCode}${last.reason ? `, ${last.reason}` : ""})`;
      return `${who} ended${how} and has been restarted ${restartCount} times; the next start comes after a pause${detail}`;
    }
    case "CreateContainerConfigError":
      return `${who} can't be configured${detail || ": something it refers to is missing"}`;
    default:
      return `${who} waits (${waiting.reason || "no reason given"})${detail}`;
  }
}

function runningInits({ spec, status }: Pod): readonly string[] {
  const sidecars = new Set(
    (spec?.initContainers ?? []).filter((one) => one.restartPolicy === "Always").map((one) => one.name),
  );
  return (status?.initContainerStatuses ?? [])
    .filter((one) => one.state?.running && !sidecars.has(one.name))
    .map((one) => one.name);
}
