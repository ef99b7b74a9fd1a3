/**
 * What really happened, from containerd's own events with containerd's own times: when each container's process was started, and when it ended. Nothing is
 * polled, so no figure is rounded to a polling step, and the runtime answers no questions of ours while it is measured.
 */

import { containerd } from "../src/adapters/cri/generated/cri.js";
import { subscribe } from "../src/adapters/cri/methods.ts";
import type { CriClient } from "./cri-client.ts";

export interface Happened {
  readonly kind: "started" | "exited";
  readonly id: string;
  /** Wall clock, milliseconds with a fraction. */
  readonly at: number;
  readonly pid: number;
}

type Timestamp = { seconds?: unknown; nanos?: number | null } | null | undefined;

interface Waiter {
  readonly wanted: (event: Happened) => boolean;
  readonly found: (event: Happened) => void;
}

/** Sandboxes' own processes are left out: what counts is the pods' containers. */
export class RuntimeWatch {
  readonly #sandboxes = new Set<string>();
  readonly #waiters = new Set<Waiter>();
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
  next(what: string, wanted: (event: Happened) => boolean, timeout = 60_000): Promise<Happened> {
    return this.some(what, 1, wanted, timeout).then(([event]) => {
      if (!event) throw new Error(`no event for ${what}`);
      return event;
    });
  }

  /** The next `count` events that are wanted. */
  async some(
    what: string,
    count: number,
    wanted: (event: Happened) => boolean,
    timeout = 120_000,
  ): Promise<readonly Happened[]> {
    const found: Happened[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = {
      wanted,
      found: (event) => {
        found.push(event);
        if (found.length >= count) resolve();
      },
    };
    this.#waiters.add(waiter);
    const timer = setTimeout(() => {
      reject(new Error(`waited ${timeout / 1000} s for ${what}: ${found.length} of ${count} seen`));
    }, timeout);
    try {
      await promise;
      return found;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(waiter);
    }
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
    for (const waiter of this.#waiters) if (waiter.wanted(event)) waiter.found(event);
  }
}

export const isStart = ({ kind }: Happened): boolean => kind === "started";

const wall = (time: Timestamp): number => Number(time?.seconds ?? 0) * 1000 + (time?.nanos ?? 0) / 1e6;
