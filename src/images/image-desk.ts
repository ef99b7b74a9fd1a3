import { BackoffTable, backoffCurve, jittered } from "../base/backoff.ts";
import { isFault, KubeletError, messageOf } from "../base/fault.ts";
import { goDuration } from "../base/go-duration.ts";
import type { Log } from "../base/log.ts";
import { after, type Instant, instant, millis, seconds, until } from "../base/units.ts";
import type { Container, Pod } from "../model/kubernetes.ts";
import { uidOf } from "../model/pod.ts";
import type { ImageInfo, SandboxConfig } from "../model/runtime.ts";
import { containerSubject, podSubject } from "../model/subject.ts";
import type { Events } from "../ports/events.ts";
import type { Random } from "../ports/random.ts";
import type { PullCredentials, ReadCredentials } from "./pull-credentials.ts";
import { explainPullError, type PullFailure } from "./pull-error.ts";
import { nextFor, pullPolicyOf } from "./pull-policy.ts";
import type { PullRecords } from "./pull-records.ts";
import { type PullDeps, type Pulled, type PullOptions, Pulls } from "./pulls.ts";
import { parseImage, withDefaultTag } from "./reference.ts";

export type ImageReason =
  | PullFailure
  | "ImagePullBackOff"
  | "ErrImageNeverPull"
  | "InvalidImageName"
  | "ImageInspectError";

export interface ImageFailure {
  readonly reason: ImageReason;
  readonly message: string;
}

/** How far one container's image is; `lastFailure` is what a status shows until the new try has an outcome. After `retryAt` a new `ensure` tries again. */
export type ImageState =
  | { readonly kind: "checking"; readonly lastFailure?: ImageFailure }
  | { readonly kind: "pulling"; readonly since: Instant; readonly lastFailure?: ImageFailure }
  /** `note`: to be told as an event `Pulled` when a container is made from it. It was there before it was needed: the container may still have long to wait. */
  | { readonly kind: "ready"; readonly ref: string; readonly info: ImageInfo; readonly note?: string }
  | { readonly kind: "failed"; readonly reason: ImageReason; readonly message: string; readonly retryAt: Instant };

export interface ImageRequest {
  readonly pod: Pod;
  readonly container: Pick<Container, "name" | "image" | "imagePullPolicy">;
  /** Restart count of the instance that is to start. Each instance has its image looked at anew. */
  readonly attempt: number;
  readonly sandbox?: SandboxConfig;
}

export interface ImageDeskDeps extends PullDeps {
  readonly random: Random;
  readonly events: Events;
  readonly log: Log;
  readonly readCredentials: ReadCredentials;
  /** Who may have which image; undefined: every pod may have what is here. */
  readonly records?: PullRecords | undefined;
}

interface Entry {
  readonly request: ImageRequest;
  readonly cancel: AbortController;
  readonly onChange: () => void;
  readonly lastFailure: { readonly lastFailure?: ImageFailure };
  state: ImageState;
}

const BACKOFF = backoffCurve(seconds(10), seconds(300), seconds(600));
/** A failure that no pull caused: try again about when upstream's next sync would. */
const RETRY_SPAN = seconds(10);
/** A runtime that is away is soon back, and says nothing about the image. */
const AWAY_SPAN = seconds(1);
/** How long the cause of a failed pull is shown before the wait for the next try. */
const SHOW_SPAN = seconds(1);

/**
 * Gets images for containers, in the background.
 *
 *   ensure -> checking -> ready
 *                      -> pulling -> ready
 *                                 -> failed (cause) -> failed (ImagePullBackOff) -- retryAt, ensure --> checking
 */
export class ImageDesk {
  readonly #deps: ImageDeskDeps;
  readonly #pulls: Pulls;
  readonly #backoff = new BackoffTable(BACKOFF);
  /** Back-off key -> why the last pull failed. */
  readonly #causes = new Map<string, string>();
  /** Pod UID -> container name -> entry. */
  readonly #entries = new Map<string, Map<string, Entry>>();

  constructor(options: PullOptions, deps: ImageDeskDeps) {
    this.#deps = deps;
    this.#pulls = new Pulls(options, deps);
  }

  /** Starts what is needed and returns the state at once; `onChange` is called when it changes later. Asking again costs nothing. */
  ensure(request: ImageRequest, onChange: () => void): ImageState {
    const uid = uidOf(request.pod);
    const { container } = request;
    const known = this.#entries.get(uid)?.get(container.name);
    if (known && isSame(known.request, request) && !this.#isDue(known.state)) return known.state;
    known?.cancel.abort();
    const lastFailure = known && isSame(known.request, request) ? failureOf(known.state) : {};
    const state: ImageState = { kind: "checking", ...lastFailure };
    const entry: Entry = { request, cancel: new AbortController(), onChange, lastFailure, state };
    const ofPod = this.#entries.get(uid) ?? new Map<string, Entry>();
    this.#entries.set(uid, ofPod.set(container.name, entry));
    void this.#work(entry, entry.cancel.signal);
    return entry.state;
  }

  /** The state of what was asked for, undefined when nobody did. */
  state(uid: string, container: Pick<Container, "name" | "image">, attempt: number): ImageState | undefined {
    const entry = this.#entries.get(uid)?.get(container.name);
    if (!entry || entry.request.attempt !== attempt || entry.request.container.image !== container.image) {
      return undefined;
    }
    return entry.state;
  }

  /** The next `ensure` looks afresh: for an image that turned out to be gone. */
  drop(uid: string, container: string): void {
    this.#entries.get(uid)?.get(container)?.cancel.abort();
    this.#entries.get(uid)?.delete(container);
  }

  /** Cancels what goes on for a pod and forgets its back-off. */
  forget(uid: string): void {
    for (const entry of this.#entries.get(uid)?.values() ?? []) {
      entry.cancel.abort();
      this.#backoff.forget(keyOf(entry.request));
      this.#causes.delete(keyOf(entry.request));
    }
    this.#entries.delete(uid);
  }

  /** Pods for which something was asked. */
  get size(): number {
    return this.#entries.size;
  }

  /** Cancels everything, for the end of the process. */
  close(): void {
    for (const uid of [...this.#entries.keys()]) this.forget(uid);
  }

  #isDue(state: ImageState): boolean {
    return state.kind === "failed" && until(this.#deps.clock.monotonic(), state.retryAt) === 0;
  }

  async #work(entry: Entry, signal: AbortSignal): Promise<void> {
    try {
      // Nobody hears of a change before `ensure` has returned.
      await Promise.resolve();
      signal.throwIfAborted();
      await this.#check(entry, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #check(entry: Entry, signal: AbortSignal): Promise<void> {
    const name = entry.request.container.image ?? "";
    const reference = parseImage(name);
    if (typeof reference === "string") {
      const message = `Failed to apply default image tag "${name}": couldn't parse image name "${name}": ${reference}`;
      this.#record(entry, "Warning", "InspectFailed", message);
      return this.#fail(entry, "InvalidImageName", message, this.#soon());
    }
    const image = withDefaultTag(name, reference);
    const policy = pullPolicyOf(entry.request.container);
    let found: ImageInfo | undefined;
    if (nextFor(policy, undefined) === "inspect") {
      try {
        found = await this.#deps.images.imageStatus(image, signal);
        signal.throwIfAborted();
      } catch (error) {
        return this.#failInspection(entry, name, error, signal);
      }
    }
    const { readCredentials, records } = this.#deps;
    let known: Promise<PullCredentials> | undefined;
    const credentials = () => (known ??= readCredentials(image, entry.request.pod, signal));
    const mustShow =
      found !== undefined &&
      (await records?.mustPull(name, found.id, async () => (await credentials()).found, signal)) === true;
    signal.throwIfAborted();
    // That an image is here is not told to a pod that may not have it.
    switch (nextFor(policy, found !== undefined && !mustShow)) {
      case "use":
        if (!found) return;
        return this.#set(entry, {
          kind: "ready",
          ref: found.id,
          info: found,
          note: `Container image "${name}" already present on machine and can be accessed by the pod`,
        });
      case "refuse": {
        const message = `Container image "${name}" is not present with pull policy of Never`;
        this.#record(entry, "Warning", "ErrImageNeverPull", message);
        return this.#fail(entry, "ErrImageNeverPull", message, this.#soon());
      }
      default:
        return this.#pull(entry, name, image, credentials, signal);
    }
  }

  #failInspection(entry: Entry, name: string, error: unknown, signal: AbortSignal): void {
    signal.throwIfAborted();
    if (!(error instanceof KubeletError)) throw error;
    const message = `Failed to inspect image "${name}": ${messageOf(error)}`;
    this.#record(entry, "Warning", "InspectFailed", message);
    this.#fail(entry, "ImageInspectError", message, isAway(error) ? this.#whenBack() : this.#soon());
  }

  async #pull(
    entry: Entry,
    name: string,
    image: string,
    credentials: () => Promise<PullCredentials>,
    signal: AbortSignal,
  ): Promise<void> {
    const key = keyOf(entry.request);
    const { clock, records } = this.#deps;
    const start = clock.monotonic();
    // Another container of the pod may wait for the same image already.
    if (this.#backoff.blockedSinceUpdate(key, start) !== undefined) return this.#backOff(entry, name);
    this.#causes.delete(key);
    this.#record(entry, "Normal", "Pulling", `Pulling image "${name}"`);
    this.#set(entry, { kind: "pulling", since: start, ...entry.lastFailure });
    let missing: readonly string[] = [];
    try {
      const shown = await credentials();
      missing = shown.missing;
      const order = { image, credentials: shown.found, sandbox: entry.request.sandbox };
      const pull = () => this.#pulls.pull(order, signal);
      const { ref, info, took } = await (records ? recorded(records, name, pull) : pull());
      const [pulling, whole] = [goDuration(took), goDuration(until(start, clock.monotonic()))];
      this.#record(
        entry,
        "Normal",
        "Pulled",
        `Successfully pulled image "${name}" in ${pulling} (${whole} including waiting). Image size: ${info.size} bytes.`,
      );
      this.#backoff.sweep(clock.monotonic());
      this.#set(entry, { kind: "ready", ref, info });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof KubeletError)) throw error;
      this.#tellMissing(entry, missing);
      await this.#failPull(entry, name, error, signal);
    }
  }

  #tellMissing({ request }: Entry, missing: readonly string[]): void {
    if (missing.length === 0) return;
    const message = `Unable to retrieve some image pull secrets (${missing.join(", ")}); attempting to pull the image may not succeed.`;
    const about = podSubject(request.pod);
    this.#deps.events.record({ type: "Warning", reason: "FailedToRetrieveImagePullSecret", message, about });
  }

  async #failPull(entry: Entry, name: string, error: KubeletError, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    const key = keyOf(entry.request);
    const { reason, message } = explainPullError(name, error);
    log.debug(2, "Failed to pull image", { image: name, err: message });
    this.#record(entry, "Warning", "Failed", `Failed to pull image "${name}": ${message}`);
    if (isAway(error)) return this.#fail(entry, reason, message, this.#whenBack());
    const now = clock.monotonic();
    // Containers that shared the pull fail together: that counts once.
    if (this.#backoff.blockedSinceUpdate(key, now) === undefined) this.#backoff.next(key, now, now);
    this.#causes.set(key, `${reason}: ${message}`);
    const retryAt = this.#retryAt(key, now);
    this.#fail(entry, reason, message, retryAt);
    await clock.sleep(millis(Math.min(SHOW_SPAN, until(now, retryAt) / 2)), signal);
    this.#backOff(entry, name);
  }

  #backOff(entry: Entry, name: string): void {
    const key = keyOf(entry.request);
    const text = `Back-off pulling image "${name}"`;
    const cause = this.#causes.get(key);
    this.#record(entry, "Normal", "BackOff", text);
    const message = cause === undefined ? text : `${text}: ${cause}`;
    this.#fail(entry, "ImagePullBackOff", message, this.#retryAt(key, this.#deps.clock.monotonic()));
  }

  #retryAt(key: string, now: Instant): Instant {
    return instant(this.#backoff.blockedSinceUpdate(key, now) ?? now);
  }

  #soon(): Instant {
    return after(this.#deps.clock.monotonic(), jittered(RETRY_SPAN, this.#deps.random));
  }

  #whenBack(): Instant {
    return after(this.#deps.clock.monotonic(), AWAY_SPAN);
  }

  #fail(entry: Entry, reason: ImageReason, message: string, retryAt: Instant): void {
    this.#record(entry, "Warning", "Failed", `Error: ${reason}`);
    this.#set(entry, { kind: "failed", reason, message, retryAt });
  }

  #set(entry: Entry, state: ImageState): void {
    entry.state = state;
    entry.onChange();
  }

  #record({ request }: Entry, type: "Normal" | "Warning", reason: string, message: string): void {
    this.#deps.events.record({ type, reason, message, about: containerSubject(request.pod, request.container.name) });
  }
}

/** A pull, and a record of it whichever way it ends. */
async function recorded(records: PullRecords, image: string, pull: () => Promise<Pulled>): Promise<Pulled> {
  await records.begin(image);
  let pulled: Pulled;
  try {
    pulled = await pull();
  } catch (error) {
    await records.failed(image);
    throw error;
  }
  await records.succeeded(image, pulled.ref, pulled.used);
  return pulled;
}

const isSame = (a: ImageRequest, b: ImageRequest): boolean =>
  a.attempt === b.attempt &&
  a.container.image === b.container.image &&
  a.container.imagePullPolicy === b.container.imagePullPolicy;

const failureOf = (state: ImageState): Entry["lastFailure"] =>
  state.kind === "failed" ? { lastFailure: { reason: state.reason, message: state.message } } : {};

const isAway = (error: KubeletError): boolean => isFault(error, "runtime-unavailable");

const keyOf = ({ pod, container }: ImageRequest): string => `${uidOf(pod)}_${container.image ?? ""}`;
