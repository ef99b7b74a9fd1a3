import type { Instant } from "../base/units.ts";
import type { Pod } from "../model/kubernetes.ts";
import { ANNOTATION_CONFIG_SOURCE } from "../model/names.ts";
import { uidOf } from "../model/pod.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import { type CountedEvent, Timeline, type TimelineEntry } from "../node/index.ts";
import type { Clock } from "../ports/clock.ts";
import { imageText, type StepDone, stepText } from "./steps.ts";

/** Writes each pod's timeline from what passes by: decisions, steps, events and what is seen of the runtime. Decides nothing. */
export class Story {
  readonly timeline: Timeline;
  readonly #clock: Clock;
  readonly #onRuns: ((took: number) => void) | undefined;
  /** When pods that do not run yet were first wanted. */
  readonly #waiting = new Map<string, Instant>();
  /** Pods that the runtime has something of, and nobody knows yet what. */
  readonly #hidden = new Set<string>();
  /** Pod UID -> container id -> was its end told? Only of containers that are seen. */
  readonly #told = new Map<string, ReadonlyMap<string, boolean>>();

  constructor(clock: Clock, onRuns: ((took: number) => void) | undefined) {
    this.timeline = new Timeline(clock);
    this.#clock = clock;
    this.#onRuns = onRuns;
  }

  wanted(pod: Pod, seen: PodSnapshot | "hidden" | undefined): void {
    const uid = uidOf(pod);
    const source = pod.metadata?.annotations?.[ANNOTATION_CONFIG_SOURCE] ?? "?";
    this.timeline.add(uid, `taken from source ${source}`);
    if (seen === "hidden") this.#hidden.add(uid);
    else this.#begin(uid, seen);
  }

  #begin(uid: string, seen: PodSnapshot | undefined): void {
    const running = (seen?.containers ?? []).filter(({ state }) => state === "running").map(({ name }) => name);
    if (running.length > 0) this.timeline.add(uid, `runs since before this kubelet started: ${running.join(", ")}`);
    else this.#waiting.set(uid, this.#clock.monotonic());
  }

  rejected(uid: string, message: string): void {
    this.timeline.add(uid, `rejected: ${message}`);
  }

  step(done: StepDone): void {
    const text = stepText(done);
    // Told at its beginning: what a short container did may come before the step that started it is over.
    if (text !== undefined) this.timeline.add(done.uid, text, done.at);
  }

  event({ about, reason, message, count }: CountedEvent): void {
    // What repeats (a pull that fails again and again) is told once; its event counts. A pull may end after its pod.
    if (about.kind !== "pod" || count > 1 || !this.timeline.has(about.uid)) return;
    const text = imageText(reason, message);
    // Two containers may have one image.
    if (text === undefined || this.of(about.uid).some((told) => told.text === text)) return;
    this.timeline.add(about.uid, text);
  }

  saw(uid: string, seen: PodSnapshot | undefined): void {
    if (this.#hidden.delete(uid)) this.#begin(uid, seen);
    const before = this.#told.get(uid);
    for (const { id, state, name, exitCode, reason, finishedAt } of seen?.containers ?? []) {
      // An end from before this kubelet is on its record in the status.
      if (state !== "exited" || before?.get(id) !== false || !this.timeline.has(uid)) continue;
      const why = reason === "" ? "" : ` (${reason})`;
      this.timeline.add(uid, `container ${name} ended with exit code ${exitCode}${why}`, finishedAt || undefined);
    }
    if (seen) this.#told.set(uid, new Map(seen.containers.map(({ id, state }) => [id, state === "exited"])));
    else this.#told.delete(uid);
  }

  /** Of the first time that a pod runs, how long it took is told. */
  phase(uid: string, phase: string | undefined): void {
    const since = this.#waiting.get(uid);
    if (since === undefined || phase === "Pending" || phase === undefined) return;
    this.#waiting.delete(uid);
    if (phase === "Running") this.#onRuns?.(this.#clock.monotonic() - since);
  }

  of(uid: string): readonly TimelineEntry[] {
    return this.timeline.ofPod(uid);
  }

  forget(uid: string): void {
    this.timeline.forget(uid);
    this.#waiting.delete(uid);
    this.#hidden.delete(uid);
  }

  get size(): number {
    return this.timeline.size + this.#waiting.size + this.#hidden.size + this.#told.size;
  }
}
