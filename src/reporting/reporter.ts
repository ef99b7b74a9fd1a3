import type { Pod, PodStatus } from "../model/kubernetes.ts";
import { isStatic } from "../model/pod.ts";
import { type MirrorDeps, MirrorPods, type StaticPods } from "./mirror-pods.ts";
import { type Post, StatusWriter, type WriterDeps } from "./status-writer.ts";
import { targetOf } from "./target.ts";

export type ReporterDeps = WriterDeps & MirrorDeps;

/** Everything that this node writes to the API server about its pods. */
export class Reporter {
  readonly #deps: ReporterDeps;
  readonly #writer: StatusWriter;
  readonly #mirrors: MirrorPods;

  constructor(deps: ReporterDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#writer = new StatusWriter(deps, signal);
    this.#mirrors = new MirrorPods(deps);
  }

  /** Since when a static pod is what it is, says its mirror pod. The rest of that may be of an earlier run: a static pod may come again. */
  lastStatus(pod: Pod): PodStatus | undefined {
    const shown = isStatic(pod) ? targetOf(pod, this.#deps.seen)?.status : undefined;
    return shown && { conditions: shown.conditions, startTime: shown.startTime };
  }

  /** All that the API server shows of the pod. What it says of a container holds for that container id only. */
  shownStatus(pod: Pod): PodStatus | undefined {
    return targetOf(pod, this.#deps.seen)?.status;
  }

  post(post: Post): void {
    this.#writer.post(post);
  }

  /** Nothing of the pod is left and nobody names it. */
  forget(uid: string): void {
    this.#writer.forget(uid);
    this.#mirrors.ring();
  }

  wantStatic(wanted: StaticPods): void {
    this.#mirrors.want(wanted);
  }

  /** Pods of the API server changed. `keys`: `namespace/name`. */
  changed(keys: ReadonlySet<string>): void {
    this.#writer.changed(keys);
    this.#mirrors.ring();
  }

  /** The node's object came, changed or went. */
  nodeChanged(): void {
    this.#mirrors.ring();
  }

  /** The API server is there again. */
  recovered(): void {
    this.#writer.recovered();
    this.#mirrors.recovered();
  }

  /** How many pods it remembers. */
  get size(): number {
    return this.#writer.size;
  }

  /** Rejects with the reason of the signal, or with a bug. */
  async run(signal: AbortSignal): Promise<never> {
    return Promise.race([this.#mirrors.run(signal), this.#writer.failed]);
  }
}
