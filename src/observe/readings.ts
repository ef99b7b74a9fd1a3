interface Queue {
  /** The reading that was asked for last. */
  tail: Promise<void> | undefined;
  /** The one that has not begun yet. */
  next: Promise<void> | undefined;
}

/** Readings of pods: one of a pod at a time, so that an older answer never replaces a newer one. */
export class Readings {
  readonly #queues = new Map<string, Queue>();

  /** Pods that are being read. */
  get size(): number {
    return this.#queues.size;
  }

  /** Has the pod read after this call: by the reading that has not begun yet, if there is one, else by `read`. */
  share(uid: string, read: () => Promise<void>): Promise<void> {
    return this.#queues.get(uid)?.next ?? this.add(uid, read);
  }

  /** Runs `read` after those of the same pod that were asked for before. */
  add(uid: string, read: () => Promise<void>): Promise<void> {
    const queue = this.#queues.get(uid) ?? { tail: undefined, next: undefined };
    this.#queues.set(uid, queue);
    const turn = this.#afterwards(uid, queue, queue.tail, read);
    if (queue.tail) queue.next = turn;
    queue.tail = turn;
    return turn;
  }

  async #afterwards(
    uid: string,
    queue: Queue,
    before: Promise<void> | undefined,
    read: () => Promise<void>,
  ): Promise<void> {
    if (before) {
      await before.catch(() => {});
      // From here on the answer may miss what happens next: who comes now gets the one after it.
      queue.next = undefined;
    }
    try {
      await read();
    } finally {
      if (queue.next === undefined) this.#queues.delete(uid);
    }
  }
}
