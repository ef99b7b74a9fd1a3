import type { RuntimeEvent } from "../../model/runtime.ts";
import { containerd, type runtime } from "./generated/cri.js";
import * as methods from "./methods.ts";
import type { Transport } from "./transport.ts";

/** A stream of hints that ends or throws when its connection does. */
export interface EventSource {
  readonly name: string;
  open(signal: AbortSignal): AsyncIterable<RuntimeEvent>;
}

const CRI_KINDS: readonly RuntimeEvent["kind"][] = ["created", "started", "stopped", "deleted"];

/** CRI's own events: containerd from 1.7, CRI-O where its configuration allows. */
export const criEvents = (transport: Transport): EventSource => ({
  name: "CRI events",
  async *open(signal) {
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
  "/tasks/start",
  "/tasks/exit",
  "/tasks/delete",
  "/tasks/oom",
  "/containers/create",
  "/containers/delete",
].map((topic) => `namespace==k8s.io,topic==${topic}`);

/** containerd's own event service on the same socket: any containerd. */
export const containerdEvents = (transport: Transport): EventSource => ({
  name: "containerd events",
  async *open(signal) {
    const messages = transport.stream(
      methods.subscribe,
      { filters: FILTERS },
      { action: "read events of containerd", signal },
    );
    for await (const message of messages) {
      const event = fromEnvelope(message);
      if (event) yield event;
    }
  },
});

/**
 * undefined for what does not concern CRI, such as the end of an exec process (each exec probe makes one).
 *
 * An exit is told twice, at `/tasks/exit` and at `/tasks/delete`: containerd's CRI part hears of it at the same moment as we do, and
 * changes its state only after it has deleted the task, so a status read after the first may still say "running".
 */
export function fromEnvelope(envelope: containerd.Envelope.$Properties): RuntimeEvent | undefined {
  const data = envelope.event?.value;
  if (!data || envelope.namespace !== "k8s.io") return undefined;
  switch (envelope.topic) {
    case "/tasks/start":
      return event("started", containerd.TaskStart.decode(data).containerId);
    case "/tasks/exit": {
      const { id, containerId } = containerd.TaskExit.decode(data);
      return id === containerId ? event("stopped", containerId) : undefined;
    }
    case "/tasks/delete": {
      const { id, containerId } = containerd.TaskDelete.decode(data);
      return id === "" || id === containerId ? event("stopped", containerId) : undefined;
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

const event = (kind: RuntimeEvent["kind"], id: string): RuntimeEvent | undefined =>
  id === "" ? undefined : { kind, id };
