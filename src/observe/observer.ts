import { isFault, KubeletError, messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { type Instant, millis, seconds } from "../base/units.ts";
import { within } from "../base/within.ts";
import type { ContainerExit, PodSnapshot, RuntimeEvent } from "../model/runtime.ts";
import type { Clock } from "../ports/clock.ts";
import type { Runtime } from "../ports/runtime.ts";
import { CatchUp, SWEEP_SPAN } from "./catch-up.ts";
import { Exits } from "./exits.ts";
import { groupByPod, type Listing } from "./listing.ts";
import { differs, readPod } from "./read-pod.ts";
import { Readings } from "./readings.ts";

const RETRY_SPAN = millis(1_000);
const LONGEST_RETRY_SPAN = 60_000;
/** A pod that takes longer to read waits for something: all others are not to wait with it. */
const READ_PATIENCE = seconds(10);
/** How long events of a pod that is held can wait. */
const HOLD_SPAN = millis(1_000);

export interface ObserverDeps {
  readonly runtime: Pick<Runtime, "events" | "listSandboxes" | "listContainers" | "sandboxStatus" | "containerStatus">;
  readonly clock: Clock;
  readonly log: Log;
  /** How many processes of a container the kernel has killed for want of memory; undefined: not known. Absent: no end is told early. */
  readonly oomKills?: (uid: string, id: string) => Promise<number | undefined>;
  /** Called after each new snapshot of a pod, also of one that is gone from the runtime. */
  readonly onChange: (uid: string) => void;
  /** Called when the runtime answers again after it may have been away. */
  readonly onResync: () => void;
  /** Called when events stopped coming. */
  readonly onLost?: () => void;
  /** Called after each complete listing, with how long it took in milliseconds. */
  readonly onListed?: (took: number) => void;
}

/**
 * The only writer of what is seen of the runtime: one snapshot per pod UID.
 *
 *   runtime event --id--> pod --> refresh(pod): list and status of that one pod --> snapshot --> onChange
 *   exit --id--> pod -------------> snapshot with that end, which a reading that is behind does not take back
 *   resync, slow sweep ---------> list of everything --> refresh of the pods that differ
 *
 * But for an exit, an event only says "look again"; while no event source is connected the list is repeated at an adaptive pace.
 */
export class Observer {
  readonly #deps: ObserverDeps;
  readonly #snapshots = new Map<string, PodSnapshot>();
  /** Container or sandbox id -> pod UID. */
  readonly #owners = new Map<string, string>();
  readonly #readings = new Readings();
  readonly #exits = new Exits();
  /** Pod UID -> ids whose status must be read again though nothing of it seems to have changed. */
  readonly #afresh = new Map<string, Set<string>>();
  /** Pods that are there but could not be read; each is tried again until it can. */
  readonly #unread = new Set<string>();
  /** Pods that were listed, and not read yet for the first time. */
  readonly #awaited = new Set<string>();
  /** Pods whose reading took longer than a list waits for, until it ends. */
  readonly #slow = new Set<string>();
  /** Pods that somebody will have read when he is done with them. */
  readonly #held = new Set<string>();
  /** Pods of which events came meanwhile, and no reading since. */
  readonly #news = new Set<string>();
  readonly #listed = Promise.withResolvers<void>();
  readonly #catchUp: CatchUp;
  #answeredAt: Instant;
  /** When the runtime was first asked what it has not answered. */
  #askedAt: Instant | undefined;

  constructor(deps: ObserverDeps) {
    this.#deps = deps;
    this.#answeredAt = deps.clock.monotonic();
    this.#catchUp = new CatchUp({ ...deps, listAll: (signal) => this.listAll(signal) });
  }

  /** For how long an answer of the runtime is overdue, in milliseconds. Nobody asks it while nothing happens, but a sweep is due. */
  get silence(): number {
    const now = this.#deps.clock.monotonic();
    return this.#askedAt === undefined ? Math.max(0, now - this.#answeredAt - SWEEP_SPAN) : now - this.#askedAt;
  }

  /** Resolves when it is known which pods the runtime has something of; what, is told for each of them when it is read, and until then it is hidden. */
  get listed(): Promise<void> {
    return this.#listed.promise;
  }

  /** Newest snapshot; undefined when the runtime has nothing of this pod. */
  snapshot(uid: string): PodSnapshot | undefined {
    return this.#snapshots.get(uid);
  }

  /** The runtime has something of this pod, but what is not known: nothing can be decided about it yet. */
  isHidden(uid: string): boolean {
    return (this.#unread.has(uid) || this.#awaited.has(uid)) && !this.#snapshots.has(uid);
  }

  uids(): readonly string[] {
    return [...new Set([...this.#snapshots.keys(), ...this.#unread, ...this.#awaited])];
  }

  /** How much is kept, for those who watch that it does not grow. */
  get sizes() {
    return {
      snapshots: this.#snapshots.size,
      owners: this.#owners.size,
      readings: this.#readings.size,
      afresh: this.#afresh.size,
      awaited: this.#awaited.size,
      exits: this.#exits.size,
    };
  }

  /** Resolves when the runtime has done all it does for a container that ended, such as writing its log; at once for one that runs. */
  settled(id: string): Promise<void> {
    return this.#exits.settled(id);
  }

  /** Tells whose an id is before the runtime can tell of it: an event that comes in at once is then not lost. */
  know(id: string, uid: string): void {
    this.#owners.set(id, uid);
  }

  /** Whoever changes a pod, and has it read when he is done, needs no reading for each thing he does: until then events wait, a second at most. */
  hold(uid: string): Disposable {
    this.#held.add(uid);
    return { [Symbol.dispose]: () => void this.#held.delete(uid) };
  }

  /** Reads one pod. The answer was read after this call began; calls that come while one waits share it. */
  refresh(uid: string, signal: AbortSignal): Promise<void> {
    return this.#readings.share(uid, async () => {
      this.#news.delete(uid);
      await this.#take(uid, await this.#list(uid, signal), signal);
    });
  }

  async #list(uid: string | undefined, signal: AbortSignal): Promise<Listing> {
    const { runtime, clock } = this.#deps;
    this.#askedAt ??= clock.monotonic();
    const [sandboxes, containers] = await Promise.all([
      runtime.listSandboxes(uid, signal),
      runtime.listContainers(uid, signal),
    ]);
    this.#askedAt = undefined;
    this.#answeredAt = clock.monotonic();
    return { sandboxes, containers };
  }

  async #take(uid: string, listing: Listing, signal: AbortSignal): Promise<void> {
    const before = this.#snapshots.get(uid);
    // What an event adds from here on is for the next reading: this one may have been too early for it.
    const afresh = this.#afresh.get(uid) ?? new Set<string>();
    this.#afresh.delete(uid);
    let seen: PodSnapshot | undefined;
    try {
      seen = await readPod(listing, before, afresh, this.#deps.runtime, signal);
    } catch (error) {
      for (const id of afresh) this.#mark(uid, id);
      throw error;
    }
    this.#unread.delete(uid);
    this.#awaited.delete(uid);
    const there = idsOf(seen);
    for (const id of idsOf(before)) if (!there.has(id)) this.#disown(id);
    for (const id of there) this.#owners.set(id, uid);
    if (seen) this.#snapshots.set(uid, this.#exits.complete(seen));
    else this.#forget(uid);
    this.#deps.onChange(uid);
  }

  #mark(uid: string, id: string): void {
    this.#afresh.set(uid, (this.#afresh.get(uid) ?? new Set()).add(id));
  }

  #forget(uid: string): void {
    this.#snapshots.delete(uid);
    for (const [id, owner] of this.#owners) if (owner === uid) this.#disown(id);
  }

  #disown(id: string): void {
    this.#owners.delete(id);
    this.#exits.forget(id);
  }

  /** Runs for ever: events, sweeps, relists. Rejects with `signal.reason`. */
  async run(signal: AbortSignal): Promise<never> {
    const failed = Promise.withResolvers<never>();
    const loops = [this.#followEvents(signal), this.#catchUp.sweep(signal)];
    for (const loop of loops) loop.catch(failed.reject);
    return failed.promise;
  }

  async #followEvents(signal: AbortSignal): Promise<never> {
    for (;;) {
      for await (const event of this.#deps.runtime.events(signal, (id) => this.#isNews(id))) {
        if (event.kind === "resync" || event.kind === "lost") {
          if (event.kind === "lost") this.#deps.onLost?.();
          this.#catchUp.begin(event.kind, signal);
        } else if (event.kind === "exited") {
          this.#onExit(event).catch((error) => this.#complain("Cannot tell of an end early", error, signal));
        } else {
          this.#onEvent(event, signal);
        }
      }
      signal.throwIfAborted();
      await this.#deps.clock.sleep(RETRY_SPAN, signal);
    }
  }

  #onEvent(event: RuntimeEvent, signal: AbortSignal): void {
    const uid = event.podUid || this.#owners.get(event.id);
    // Ids nobody has told of belong to someone who will refresh by himself, or to the next sweep.
    if (!uid) return;
    if (event.kind === "oom" || event.kind === "stopped") this.#mark(uid, event.id);
    if (this.#held.has(uid)) this.#readHeld(uid, signal);
    else this.#read(uid, signal);
  }

  #readHeld(uid: string, signal: AbortSignal): void {
    if (this.#news.has(uid)) return;
    this.#news.add(uid);
    const read = () => {
      if (this.#news.delete(uid)) this.#read(uid, signal);
    };
    this.#deps.clock.sleep(HOLD_SPAN, signal).then(read, () => {});
  }

  #read(uid: string, signal: AbortSignal): void {
    this.refresh(uid, signal).catch((error) => this.#readLater(uid, error, signal));
  }

  /** Whether the end of a container or sandbox would be news. Of ids that nobody has told of, nothing is. */
  #isNews(id: string): boolean {
    const seen = this.#snapshots.get(this.#owners.get(id) ?? "");
    if (seen === undefined) return this.#owners.has(id);
    const container = seen.containers.find((one) => one.id === id);
    if (container) return container.state !== "exited" || container.early === true;
    return seen.sandboxes.find((one) => one.id === id)?.state !== "not-ready";
  }

  /** Nobody can tell yet whether the runtime will call it an OOM kill, unless the kernel has counted none. */
  async #onExit(exit: ContainerExit): Promise<void> {
    const uid = this.#owners.get(exit.id);
    // Whoever takes a pod down has all of it read when it is down. Sandboxes end as containers do.
    if (!uid || this.#held.has(uid) || this.#snapshots.get(uid)?.sandboxes.some(({ id }) => id === exit.id)) return;
    if ((await this.#deps.oomKills?.(uid, exit.id)) !== 0) return;
    // Meanwhile it may have been read to its end, and be gone.
    if (this.#owners.get(exit.id) !== uid) return;
    const seen = this.#snapshots.get(uid);
    if (seen?.containers.some(({ id, state }) => id === exit.id && state === "exited")) return;
    this.#exits.add(exit);
    const shown = seen && this.#exits.show(seen);
    if (!shown || shown === seen) return;
    this.#snapshots.set(uid, shown);
    this.#deps.onChange(uid);
  }

  /** What told that the pod should be read comes only once, so the reading is tried until it succeeds. */
  #readLater(uid: string, error: unknown, signal: AbortSignal): void {
    this.#complain("Cannot read pod, will try again", error, signal, { uid });
    if (this.#unread.has(uid)) return;
    this.#unread.add(uid);
    this.#retry(uid, signal).catch((bug) => this.#complain("Stopped trying to read pod", bug, signal, { uid }));
  }

  async #retry(uid: string, signal: AbortSignal): Promise<void> {
    let span: number = RETRY_SPAN;
    for (;;) {
      await this.#deps.clock.sleep(millis(span), signal);
      if (!this.#unread.has(uid)) return;
      try {
        await this.refresh(uid, signal);
        return;
      } catch (error) {
        this.#complain("Cannot read pod, will try again", error, signal, { uid });
      }
      span = Math.min(span * 2, LONGEST_RETRY_SPAN);
    }
  }

  /**
   * Lists everything and reads the pods that differ from their snapshot. Returns how many did. A pod that can't be read, or whose status the runtime does
   * not answer, keeps no other from being seen; only a runtime that is away does.
   */
  async listAll(signal: AbortSignal): Promise<number> {
    const begun = this.#deps.clock.monotonic();
    const listings = groupByPod(await this.#list(undefined, signal));
    const gone = this.uids().filter((uid) => !listings.has(uid));
    const changed = [...listings].filter(([uid, listing]) => differs(listing, this.#snapshots.get(uid)));
    // At the start the list itself is what is known; later a pod is listed anew, for this list may be older than its snapshot.
    const first = this.#snapshots.size === 0 && this.#readings.size === 0;
    for (const [uid] of changed) if (!this.#snapshots.has(uid)) this.#awaited.add(uid);
    this.#listed.resolve();
    const readings: readonly (readonly [uid: string, reading: Promise<void>])[] = [
      ...changed.map(([uid, listing]) => {
        const take = () => this.#take(uid, listing, signal);
        return [uid, first ? this.#readings.add(uid, take) : this.refresh(uid, signal)] as const;
      }),
      ...gone.map((uid) => [uid, this.refresh(uid, signal)] as const),
    ];
    await this.#settle(readings, signal);
    this.#deps.onListed?.(this.#deps.clock.monotonic() - begun);
    return changed.length + gone.length;
  }

  /** Waits for readings, but not long for those that take long. What fails is tried again. @throws what concerns the whole runtime */
  async #settle(
    readings: readonly (readonly [uid: string, reading: Promise<void>])[],
    signal: AbortSignal,
  ): Promise<void> {
    const waited = new Set(readings.flatMap(([uid]) => (this.#slow.has(uid) ? [] : [uid])));
    const failures: unknown[] = [];
    const ends = readings.map(async ([uid, reading]) => {
      try {
        await reading;
      } catch (error) {
        const isOwn = error instanceof KubeletError && !isFault(error, "runtime-unavailable");
        if (waited.has(uid) && !isOwn) failures.push(error);
        else this.#readLater(uid, error, signal);
      } finally {
        this.#slow.delete(uid);
        waited.delete(uid);
      }
    });
    const late = () => {
      for (const uid of waited) this.#slow.add(uid);
      waited.clear();
    };
    const work = async () =>
      void (await Promise.all(ends.filter((_, place) => waited.has(readings[place]?.[0] ?? ""))));
    await within(READ_PATIENCE, this.#deps.clock, { work, late, signal });
    if (failures.length > 0) throw failures[0];
  }

  #complain(message: string, error: unknown, signal: AbortSignal, fields: { uid?: string } = {}): void {
    if (signal.aborted) return;
    this.#deps.log.warn(message, { err: messageOf(error), ...fields });
  }
}

const idsOf = (seen: PodSnapshot | undefined): ReadonlySet<string> =>
  new Set([...(seen?.sandboxes ?? []), ...(seen?.containers ?? [])].map(({ id }) => id));
