import { ANNOTATION_TERMINATION_POLICY } from "../model/names.ts";
import type { ContainerExit, PodContainer, PodSnapshot } from "../model/runtime.ts";

interface Told {
  readonly exit: ContainerExit;
  readonly over: PromiseWithResolvers<void>;
}

/** Ends of containers that the runtime's answers do not show yet. Once told, an end is not taken back by an answer that is behind. */
export class Exits {
  readonly #told = new Map<string, Told>();

  get size(): number {
    return this.#told.size;
  }

  add(exit: ContainerExit): void {
    if (!this.#told.has(exit.id)) this.#told.set(exit.id, { exit, over: Promise.withResolvers() });
  }

  /** What was read, with the ends that it lacks. Where it has them, they are not kept any longer. */
  complete(seen: PodSnapshot): PodSnapshot {
    for (const { id, state } of seen.containers) if (state === "exited") this.forget(id);
    return this.show(seen);
  }

  /** The snapshot with the ends that it lacks; the same one if it lacks none. */
  show(seen: PodSnapshot): PodSnapshot {
    const containers = seen.containers.map((container) => {
      const told = this.#told.get(container.id);
      return (told && endedEarly(container, told.exit)) ?? container;
    });
    return containers.every((container, place) => container === seen.containers[place])
      ? seen
      : { ...seen, containers };
  }

  forget(id: string): void {
    this.#told.get(id)?.over.resolve();
    this.#told.delete(id);
  }

  /** Resolves when the runtime's answers show the end too, or the container is gone; at once where no end is ahead of them. */
  settled(id: string): Promise<void> {
    return this.#told.get(id)?.over.promise ?? Promise.resolve();
  }
}

/** The container as the runtime will show it; undefined: that can't be told yet. */
function endedEarly(
  container: PodContainer,
  { exitCode, finishedAt, reason }: ContainerExit,
): PodContainer | undefined {
  const { state, annotations } = container;
  if (state !== "running" && state !== "unknown") return undefined;
  // It was told of an OOM kill before.
  if (container.reason !== "") return undefined;
  // Its last words are the end of its log, which is not written yet.
  if (exitCode !== 0 && annotations[ANNOTATION_TERMINATION_POLICY] === "FallbackToLogsOnError") return undefined;
  return { ...container, state: "exited", exitCode, finishedAt, reason, early: true };
}
