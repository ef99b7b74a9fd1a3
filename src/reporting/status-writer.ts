import { isFault, KubeletError } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { type Millis, millis } from "../base/units.ts";
import { isConflict, isNotFound, isTransient, Pace } from "../kube/index.ts";
import type { Pod, PodStatus } from "../model/kubernetes.ts";
import { hasEndedPhase, isDeleted, isMirror, isStatic, nameOf, namespaceOf, uidOf } from "../model/pod.ts";
import { podText } from "../model/subject.ts";
import { timeText } from "../model/time.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { Random } from "../ports/random.ts";
import { deletePod } from "./delete-pod.ts";
import { mergeStatus, sameButGeneration, sameStatus } from "./merge-status.ts";
import { statusPatch } from "./status-patch.ts";
import { answeredPod, podsOf, type SeenPods, targetOf } from "./target.ts";
import { isNewer, paced, type Written } from "./written.ts";

export interface WriterDeps {
  readonly api: Pick<KubeApi, "get" | "patch" | "delete">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly seen: SeenPods;
  /** Milliseconds from when a status was first to be sent until the API server had it. */
  readonly onSent?: ((took: number) => void) | undefined;
}

/** What is to be known of a pod. */
export interface Post {
  readonly pod: Pod;
  readonly status: PodStatus;
  /** No container of it can be running. */
  readonly quiet: boolean;
  /** Nothing of the node is held by it any more: if it is to be deleted, it may go. */
  readonly released: boolean;
}

interface Entry {
  /** `namespace/name`, which no pod changes. */
  readonly key: string;
  post: Post;
  /** A look at the API is under way; what comes meanwhile asks for one more. */
  busy: boolean;
  again: boolean;
  /** Since when there is something to send, for measuring. */
  since: number | undefined;
  /** What the API server answered to our last write: newer than what the watch has told, for a while. */
  answer: { readonly pod: Pod; readonly at: number } | undefined;
  written: Written | undefined;
  /** A write failed that may have taken effect: what the API server has must be asked for before the next. */
  unsure: boolean;
  /** UID in the API whose deletion was asked for. */
  deleted: string | undefined;
  pace: Pace | undefined;
  rest: { readonly end: AbortController; readonly why: "failed" | "paced" } | undefined;
}

/** How long our own write's answer is believed rather than an older object of the watch. After that the watch is broken, or the versions of the API server went back: it is asked. */
const TRUST_ANSWER_MS = 30_000;
/** A pod that is being deleted has more to tell soon: that its deletion was seen waits for that, so long. Upstream looks every ten seconds. */
const DELETION_SEEN_MS = 10_000;
const RESTED = new Error("Look again");

/**
 * Keeps the status of each pod in the API server as it was last posted, and asks for the final deletion when a pod that is to go holds nothing any more.
 * Writes of one pod come one after another, the newest wins; those of different pods go side by side. A write that failed is tried again, ever later.
 *
 *   post, change in the API ──► look: target, newest of watch and answer ──► merge ──► same: at rest
 *                                 ▲                                            │ other: patch ──► answer
 *                                 └── after a wait, where it failed ◄──────────┘        └─ ended, released: delete
 */
export class StatusWriter {
  readonly #deps: WriterDeps;
  readonly #signal: AbortSignal;
  readonly #entries = new Map<string, Entry>();
  readonly #bug = Promise.withResolvers<never>();

  constructor(deps: WriterDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
    this.#bug.promise.catch(() => {});
  }

  /** Rejects with a bug; never resolves. */
  get failed(): Promise<never> {
    return this.#bug.promise;
  }

  get size(): number {
    return this.#entries.size;
  }

  post(post: Post): void {
    const uid = uidOf(post.pod);
    const known = this.#entries.get(uid);
    const entry = known ?? newEntry(post);
    if (!known) this.#entries.set(uid, entry);
    entry.post = post;
    this.#wake(entry, "paced");
  }

  forget(uid: string): void {
    const entry = this.#entries.get(uid);
    this.#entries.delete(uid);
    entry?.rest?.end.abort(RESTED);
  }

  /** Objects of the API server changed. `keys`: `namespace/name`. */
  changed(keys: ReadonlySet<string>): void {
    for (const entry of this.#entries.values()) if (keys.has(entry.key)) this.#wake(entry, "paced");
  }

  /** The API server is there again: what waits for that need not wait longer. */
  recovered(): void {
    for (const entry of this.#entries.values()) if (entry.rest?.why === "failed") this.#wake(entry, "failed");
  }

  #wake(entry: Entry, cause: "failed" | "paced"): void {
    entry.again = true;
    // A wait after a failure is not cut short by news: a server in trouble would get no rest.
    if (entry.rest?.why === cause) entry.rest.end.abort(RESTED);
    if (entry.busy || this.#signal.aborted) return;
    entry.busy = true;
    this.#drive(entry).catch((error: unknown) => {
      if (!this.#signal.aborted) this.#bug.reject(error);
    });
  }

  async #drive(entry: Entry): Promise<void> {
    const uid = uidOf(entry.post.pod);
    while (entry.again && this.#entries.get(uid) === entry) {
      entry.again = false;
      const wait = await this.#try(entry);
      if (wait === undefined) continue;
      entry.again = true;
      await this.#rest(entry, wait);
    }
    entry.busy = false;
  }

  async #rest(entry: Entry, { span, why }: { readonly span: Millis; readonly why: "failed" | "paced" }): Promise<void> {
    const end = new AbortController();
    entry.rest = { end, why };
    try {
      await this.#deps.clock.sleep(span, AbortSignal.any([this.#signal, end.signal]));
    } catch (error) {
      if (error !== RESTED) throw error;
    } finally {
      entry.rest = undefined;
    }
  }

  /** undefined: all is as it should be. */
  async #try(entry: Entry): Promise<{ readonly span: Millis; readonly why: "failed" | "paced" } | undefined> {
    try {
      const span = await this.#look(entry);
      entry.pace = undefined;
      return span === undefined ? undefined : { span, why: "paced" };
    } catch (error) {
      this.#signal.throwIfAborted();
      if (!(error instanceof KubeletError)) throw error;
      return { span: this.#afterFailure(entry, error), why: "failed" };
    }
  }

  #afterFailure(entry: Entry, error: KubeletError): Millis {
    // It is gone, or another has its name: the watch will tell. If it does not, what we believed of it was wrong.
    if (isNotFound(error) || isConflict(error)) entry.answer = undefined;
    const isFirst = entry.pace === undefined;
    entry.pace ??= new Pace(this.#deps);
    // Whoever follows the pods asks a server that is away often enough, and tells when it is back.
    const span = entry.pace.next(isFault(error, "api-unavailable") ? undefined : error);
    const fields = { pod: podText(entry.post.pod), err: error.message, retryInMs: Math.round(span) };
    // That the whole API server is away is told once, by who follows its pods.
    if (isFirst && !isFault(error, "api-unavailable") && !isNotFound(error) && !isTransient(error))
      this.#deps.log.warn("Cannot write the status of a pod", fields);
    else this.#deps.log.debug(2, "Cannot write the status of a pod", fields);
    return span;
  }

  /** Makes the API's status ours, if it is not. undefined: done; else when to look again. */
  async #look(entry: Entry): Promise<Millis | undefined> {
    const { post } = entry;
    if (entry.unsure || this.#isStale(entry)) await this.#ask(entry);
    const now = this.#deps.clock.monotonic();
    const seen = targetOf(post.pod, this.#deps.seen);
    if (!seen) return undefined;
    const base = this.#newest(seen, entry);
    const wall = this.#deps.clock.wall();
    const wanted = mergeStatus({
      base: base.status ?? {},
      wanted: post.status,
      quiet: post.quiet,
      isStatic: isStatic(post.pod),
      now: timeText(wall.getTime()),
    });
    if (sameStatus(base.status ?? {}, wanted)) {
      entry.since = undefined;
      return this.#deleteIfDone(entry, post, base);
    }
    entry.since ??= now;
    const patience = entry.since + DELETION_SEEN_MS - now;
    if (patience > 0 && isDeleted(base) && !post.quiet && sameButGeneration(base.status ?? {}, wanted))
      return millis(patience);
    const due = paced(entry.written, base, wanted, now);
    if (due === "settled") return this.#deleteIfDone(entry, post, base);
    return due ?? this.#write(entry, post, base, wanted);
  }

  async #ask(entry: Entry): Promise<void> {
    const { pod } = entry.post;
    if (targetOf(pod, this.#deps.seen)) {
      const found = answeredPod(await this.#deps.api.get(podsOf(namespaceOf(pod)), nameOf(pod), this.#signal));
      entry.answer = found && { pod: found, at: this.#deps.clock.monotonic() };
    }
    entry.unsure = false;
  }

  #newest(seen: Pod, entry: Entry): Pod {
    const { answer } = entry;
    if (!answer || answer.pod.metadata?.uid !== seen.metadata?.uid) return seen;
    if (isNewer(answer.pod, seen)) return answer.pod;
    entry.answer = undefined;
    return seen;
  }

  /** The watch has not shown for long what our last write was answered with. */
  #isStale({ answer, post }: Entry): boolean {
    if (!answer || this.#deps.clock.monotonic() - answer.at < TRUST_ANSWER_MS) return false;
    const seen = targetOf(post.pod, this.#deps.seen);
    return seen !== undefined && isNewer(answer.pod, seen);
  }

  async #write(entry: Entry, post: Post, base: Pod, wanted: PodStatus): Promise<Millis | undefined> {
    const { api, clock, log, onSent } = this.#deps;
    const uid = base.metadata?.uid ?? "";
    const body = statusPatch(uid, base.status ?? {}, wanted);
    if (!body) return this.#deleteIfDone(entry, post, base);
    log.debug(3, "Patching the status of a pod", { pod: podText(post.pod), phase: wanted.phase });
    const [at, name] = [podsOf(namespaceOf(base)), nameOf(base)];
    const answer = answeredPod(
      await api.patch(at, name, "strategic", body, this.#signal, { subresource: "status" }).catch((error: unknown) => {
        entry.unsure = !isFault(error, "api-refused") || error.fault.status >= 500;
        throw error;
      }),
    );
    const now = clock.monotonic();
    entry.answer = answer ? { pod: answer, at: now } : undefined;
    const result = answer?.status ?? wanted;
    const again = entry.written?.uid === uid && sameStatus(entry.written.wanted, wanted);
    entry.written = { uid, wanted, body, result, at: now, again };
    entry.again ||= !sameStatus(result, wanted);
    if (entry.since !== undefined) onSent?.(now - entry.since);
    entry.since = undefined;
    return answer ? this.#deleteIfDone(entry, post, answer) : undefined;
  }

  /** The last word on a pod: everything of it has stopped and is given back, and the status that says so is out. */
  async #deleteIfDone(entry: Entry, post: Post, base: Pod): Promise<undefined> {
    const { uid = "", deletionTimestamp } = base.metadata ?? {};
    if (deletionTimestamp === undefined || !post.released || entry.deleted === uid) return;
    if (isMirror(base) || !hasEndedPhase(base)) return;
    this.#deps.log.debug(3, "Deleting a pod for good", { pod: podText(base) });
    await deletePod(base, this.#deps, this.#signal);
    entry.deleted = uid;
  }
}

const newEntry = (post: Post): Entry => ({
  key: `${namespaceOf(post.pod)}/${nameOf(post.pod)}`,
  post,
  busy: false,
  again: false,
  since: undefined,
  answer: undefined,
  written: undefined,
  unsure: false,
  deleted: undefined,
  pace: undefined,
  rest: undefined,
});
