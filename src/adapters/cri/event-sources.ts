import { isFault } from "../../base/fault.ts";
import type { ContainerExit, RuntimeEvent } from "../../model/runtime.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Runtime } from "../../ports/runtime.ts";
import { containerd, type runtime } from "./generated/cri.js";
import * as methods from "./methods.ts";
import { settled, type TaskDeleted } from "./settle.ts";
import type { Transport } from "./transport.ts";

/** A stream of hints that ends or throws when its connection does. */
export interface EventSource {
  readonly name: string;
  /** @param isNews whether the end of the container or sandbox with this id is not known yet: what is needs not be told */
  open(isNews: (id: string) => boolean, signal: AbortSignal): AsyncIterable<RuntimeEvent | ContainerExit>;
}

const CRI_KINDS: readonly RuntimeEvent["kind"][] = ["created", "started", "stopped", "deleted"];

/** CRI's own events: containerd from 1.7, CRI-O where its configuration allows. */
export const criEvents = (transport: Transport): EventSource => ({
  name: "CRI events",
  async *open(_isNews, signal) {
    const messages = transport.stream(
      methods.getContainerEvents,
      {},
      { action: "read events of container runtime", signal },
    );
    for await (const message of messages) {
      const event = fromCriEvent(message);
      if (event) yield event;
    }
  },
});

export function fromCriEvent(message: runtime.v1.ContainerEventResponse.$Properties): RuntimeEvent | undefined {
  const kind = CRI_KINDS[message.containerEventType ?? 0];
  if (kind === undefined || !message.containerId) return undefined;
  const podUid = message.podSandboxStatus?.metadata?.uid;
  return { kind, id: message.containerId, ...(podUid ? { podUid } : {}) };
}

/** Only what can change a pod; everything else (images, snapshots, exec processes' starts) would just be thrown away here. */
const FILTERS = [
  ...["/tasks/start", "/tasks/exit", "/tasks/delete", "/tasks/oom"],
  ...["/containers/create", "/containers/delete"],
].map((topic) => `namespace==k8s.io,topic=="${topic}"`);

/** containerd's own event service on the same socket: any containerd. */
export const containerdEvents = (transport: Transport, runtime: Runtime, clock: Clock): EventSource => ({
  name: "containerd events",
  open(isNews, signal) {
    const sandboxes = new Set<string>();
    const agrees = (id: string) => hasStopped(runtime, id, sandboxes, signal);
    return settled(readEnvelopes(transport, signal), { agrees, isNews }, clock, signal);
  },
});

async function* readEnvelopes(
  transport: Transport,
  signal: AbortSignal,
): AsyncGenerator<RuntimeEvent | ContainerExit | TaskDeleted, void, undefined> {
  const call = { action: "read events of containerd", signal };
  for await (const message of transport.stream(methods.subscribe, { filters: FILTERS }, call)) {
    const event = fromEnvelope(message);
    if (event) yield event;
  }
}

/**
 * Whether CRI itself says that a container, or the sandbox with this id, does not run any more. A failing call counts as yes.
 * @param sandboxes ids that are known to be no container's, so that this is asked once
 */
async function hasStopped(runtime: Runtime, id: string, sandboxes: Set<string>, signal: AbortSignal): Promise<boolean> {
  if (!sandboxes.has(id)) {
    try {
      return (await runtime.containerStatus(id, signal)).state !== "running";
    } catch (error) {
      if (!isFault(error, "runtime-not-found")) return true;
    }
  }
  const hasStopped = await runtime.sandboxStatus(id, signal).then(
    ({ state }) => state !== "ready",
    () => true,
  );
  if (hasStopped) sandboxes.delete(id);
  else sandboxes.add(id);
  return hasStopped;
}

/**
 * undefined for what does not concern CRI, such as the end of an exec process (each exec probe makes one).
 */
export function fromEnvelope(
  envelope: containerd.Envelope.$Properties,
): RuntimeEvent | ContainerExit | TaskDeleted | undefined {
  const data = envelope.event?.value;
  if (!data || envelope.namespace !== "k8s.io") return undefined;
  switch (envelope.topic) {
    case "/tasks/start":
      return event("started", containerd.TaskStart.decode(data).containerId);
    case "/tasks/exit": {
      const { id, containerId, exitStatus, exitedAt } = containerd.TaskExit.decode(data);
      return id === containerId ? exit(containerId, exitStatus, timeOf(exitedAt)) : undefined;
    }
    case "/tasks/delete": {
      // Only newer releases name the process; 1.6 tells of the container's own and of no other.
      const { id, containerId } = containerd.TaskDelete.decode(data);
      return containerId !== "" && (id === "" || id === containerId)
        ? { kind: "task deleted", id: containerId }
        : undefined;
    }
    case "/tasks/oom":
      return event("oom", containerd.TaskOOM.decode(data).containerId);
    case "/containers/create":
      return event("created", containerd.ContainerCreate.decode(data).id);
    case "/containers/delete":
      return event("deleted", containerd.ContainerDelete.decode(data).id);
    default:
      return undefined;
  }
}

/** Sandboxes tell of their end in the same way. */
const exit = (
  id: string,
  exitCode: number,
  finishedAt: number | undefined,
): RuntimeEvent | ContainerExit | undefined =>
  id === "" || finishedAt === undefined
    ? event("stopped", id)
    : { kind: "exited", id, exitCode, finishedAt, reason: exitCode === 0 ? "Completed" : "Error" };

const timeOf = (time: { readonly seconds?: unknown; readonly nanos?: number | null } | null | undefined) =>
  time ? Number(time.seconds ?? 0) * 1000 + (time.nanos ?? 0) / 1e6 : undefined;

const event = (kind: RuntimeEvent["kind"], id: string): RuntimeEvent | undefined =>
  id === "" ? undefined : { kind, id };
