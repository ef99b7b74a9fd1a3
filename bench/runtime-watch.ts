/**
 * What really happened, from containerd's own events with containerd's own times: when each container's process was started, and when it ended. Nothing is
 * polled, so no figure is rounded to a polling step, and the runtime answers no questions of ours while it is measured.
 */

import { containerd } from "../src/adapters/cri/generated/cri.js";
import { subscribe } from "../src/adapters/cri/methods.ts";
import type { CriClient } from "./cri-client.ts";
import { Waiters } from "./waiters.ts";

export interface Happened {
  readonly kind: "started" | "exited";
  readonly id: string;
  /** Wall clock, milliseconds with a fraction. */
  readonly at: number;
  readonly pid: number;
}

type Timestamp = { seconds?: unknown; nanos?: number | null } | null | undefined;

/** Sandboxes' own processes are left out: what counts is the pods' containers. */
export class RuntimeWatch {
  readonly #sandboxes = new Set<string>();
  readonly #waiters = new Waiters<Happened>();
  readonly #started = new Map<string, Happened>();

  /** @param sandboxImage part of the name of the image that only sandboxes have */
  constructor(client: CriClient, sandboxImage: string) {
    const topics = ["/tasks/start", "/tasks/exit", "/containers/create"];
    const stream = client.stream(subscribe, { filters: topics.map((topic) => `topic=="${topic}"`) });
    stream.on("error", () => {});
    stream.on("data", (envelope: containerd.Envelope.$Properties) => {
      const data = envelope.event?.value;
      if (data) this.#take(envelope.topic ?? "", data, envelope.timestamp, sandboxImage);
    });
  }

  /** Containers that were started and have not ended. */
  get running(): ReadonlyMap<string, Happened> {
    return this.#started;
  }

  /** The first event from now on that is wanted. Ask before causing it. */
  next(what: string, wanted: (event: Happened) => boolean, timeout?: number): Promise<Happened> {
    return this.#waiters.next(what, wanted, timeout);
  }

  /** The next `count` events that are wanted. */
  some(
    what: string,
    count: number,
    wanted: (event: Happened) => boolean,
    timeout?: number,
  ): Promise<readonly Happened[]> {
    return this.#waiters.some(what, count, wanted, timeout);
  }

  #take(topic: string, data: Uint8Array, time: Timestamp, sandboxImage: string): void {
    switch (topic) {
      case "/containers/create": {
        const { id, image } = containerd.ContainerCreate.decode(data);
        if (image.includes(sandboxImage)) this.#sandboxes.add(id);
        return;
      }
      case "/tasks/start": {
        const { containerId, pid } = containerd.TaskStart.decode(data);
        if (!this.#sandboxes.has(containerId)) this.#tell({ kind: "started", id: containerId, at: wall(time), pid });
        return;
      }
      case "/tasks/exit": {
        const { id, containerId, pid, exitedAt } = containerd.TaskExit.decode(data);
        if (id === containerId && !this.#sandboxes.has(id)) this.#tell({ kind: "exited", id, at: wall(exitedAt), pid });
        return;
      }
    }
  }

  #tell(event: Happened): void {
    if (event.kind === "started") this.#started.set(event.id, event);
    else this.#started.delete(event.id);
    this.#waiters.tell(event);
  }
}

export const isStart = ({ kind }: Happened): boolean => kind === "started";

const wall = (time: Timestamp): number => Number(time?.seconds ?? 0) * 1000 + (time?.nanos ?? 0) / 1e6;
