import { Bell } from "../base/bell.ts";
import { KubeletError, messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { type Instant, type Millis, millis, seconds, until } from "../base/units.ts";
import { isNotFound, Pace } from "../kube/index.ts";
import type { Node } from "../model/kubernetes.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { Random } from "../ports/random.ts";
import { NODES } from "./collections.ts";
import type { ConditionChange } from "./conditions.ts";
import type { Heartbeats } from "./heartbeat.ts";
import type { NodeEvents } from "./node-events.ts";
import { nodeDiffers } from "./node-status.ts";
import type { RegistrationOptions } from "./options.ts";
import type { OwnNode } from "./own-node.ts";
import { nodePatch } from "./patch.ts";
import { pause } from "./pause.ts";
import { register } from "./register.ts";

export interface StatusKeeperDeps {
  /** On a connection of its own: the status is a sign of life as well. */
  readonly api: KubeApi;
  readonly heartbeats: Heartbeats;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly own: OwnNode;
  readonly events: NodeEvents;
  /** The machine is read again: what the next `compute` says is as of now. */
  readonly read: (signal: AbortSignal) => Promise<void>;
  /** The Node as it is to be, from what was read last. */
  readonly compute: (
    node: Node,
    signal: AbortSignal,
  ) => Promise<{ readonly node: Node; readonly changes: readonly ConditionChange[] }>;
  /** The Node as it is registered, but for its status. */
  readonly initial: () => Node;
  /** When `compute` says something else without anybody ringing. */
  readonly changesAt: () => Instant | undefined;
  /** Something that readiness depends on is not known yet, as after a start. */
  readonly isSettling: () => boolean;
}

const JITTER = 0.04;
const REGISTER_CURVE = { first: millis(100), longest: seconds(7) };
/** A Node that was ready before a restart stays so while it is found out whether it is. */
const SETTLING = seconds(10);
/** Looks that others may ask for in a row; one more comes with each reading of the machine. Two writers at odds make no storm. */
const LOOKS = 20;
const UPDATE_CURVE = { first: millis(200), longest: seconds(7) };

/**
 * Keeps the Node object: there, and true.
 *
 *   bell, 10 s ──► registered? ──► compute ──► differs, or report is due ──► patch
 *                     │ no                                                     │ 404: the Node was deleted
 *                     └──► create, or reconcile ◄──────────────────────────────┘
 *
 * A change that somebody rings for is written at once; what only a reading of the machine shows, with the next one.
 */
export class StatusKeeper {
  readonly #options: RegistrationOptions;
  readonly #deps: StatusKeeperDeps;
  readonly #bell = new Bell();
  #registered = false;
  #readAt: Instant | undefined;
  #reportedAt: Instant | undefined;
  #delay = 0;
  #complaint = "";
  #looks = LOOKS;
  readonly #startedAt: Instant;

  constructor(options: RegistrationOptions, deps: StatusKeeperDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#startedAt = deps.clock.monotonic();
  }

  /** Something that the status says may have changed: look now. */
  look(): void {
    this.#bell.ring();
  }

  /** The Node that was there is not any more. */
  deleted(): void {
    if (this.#registered) this.#deps.log.warn("The Node object was deleted, registering again");
    this.#registered = false;
    this.look();
  }

  async run(signal: AbortSignal): Promise<never> {
    const { clock } = this.#deps;
    let pace = new Pace(this.#deps, UPDATE_CURVE);
    let readIn = millis(0);
    for (;;) {
      if (this.#isDue(readIn)) {
        await this.#deps.read(signal);
        this.#readAt = clock.monotonic();
        readIn = millis(this.#options.updateFrequency * (1 + JITTER * this.#deps.random.fraction()));
        this.#looks = Math.min(this.#looks + 1, LOOKS);
      }
      const failure = await this.#sync(signal);
      if (failure === undefined) pace = new Pace(this.#deps, UPDATE_CURVE);
      const wait = failure === undefined ? this.#rest(readIn) : pace.next(failure);
      if (this.#looks > 0) await pause(this.#bell, wait, clock, signal);
      else await clock.sleep(wait, signal);
      this.#looks = Math.max(0, this.#looks - 1);
    }
  }

  #isDue(readIn: Millis): boolean {
    return this.#readAt === undefined || this.#deps.clock.monotonic() - this.#readAt >= readIn;
  }

  /** Until the machine is read again, or a condition changes by time alone. */
  #rest(readIn: Millis): Millis {
    const now = this.#deps.clock.monotonic();
    const next = ((this.#readAt ?? now) + readIn) as Instant;
    const changes = this.#deps.changesAt();
    const ends = changes !== undefined && changes > now ? Math.min(next, changes) : next;
    return until(now, ends as Instant);
  }

  /** The failure, when it has to be tried again. */
  async #sync(signal: AbortSignal): Promise<KubeletError | undefined> {
    try {
      if (this.#options.registerNode && !this.#registered) await this.#register(signal);
      await this.#update(signal);
      if (this.#complaint !== "") this.#deps.log.info("The node's status is written again");
      this.#complaint = "";
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof KubeletError)) throw error;
      if (isNotFound(error)) this.#deps.own.isGone();
      const err = messageOf(error);
      if (err !== this.#complaint) this.#deps.log.warn("Cannot write the node's status, will try again", { err });
      this.#complaint = err;
      return error;
    }
  }

  async #register(signal: AbortSignal): Promise<void> {
    const { api, clock, log, own, events, compute, initial } = this.#deps;
    const pace = new Pace(this.#deps, REGISTER_CURVE);
    for (let told = ""; ; ) {
      const { node, changes } = await compute(initial(), signal);
      events.changed(changes);
      try {
        const answer = await this.#call((life) => register(node, api, this.#options, life), signal);
        if (answer.made) this.#reported(true);
        own.took(answer.node);
        // Last: this Node may take the place of one that we had not heard is gone.
        this.#registered = true;
        log.info(answer.made ? "Registered the node" : "The node was registered before", {
          node: this.#options.nodeName,
        });
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof KubeletError)) throw error;
        const err = messageOf(error);
        if (err !== told) log.warn("Cannot register the node, will try again", { node: this.#options.nodeName, err });
        told = err;
        await clock.sleep(pace.next(error), signal);
      }
    }
  }

  async #update(signal: AbortSignal): Promise<void> {
    const { own } = this.#deps;
    try {
      await this.#tryUpdate(own.current ?? (await this.#readAfresh(signal)), signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof KubeletError) || isNotFound(error)) throw error;
      // What the watch told may be old: once more from what the server has now.
      await this.#tryUpdate(await this.#readAfresh(signal), signal);
    }
  }

  async #tryUpdate(before: Node, signal: AbortSignal): Promise<void> {
    const { api, own, events, compute } = this.#deps;
    const { node, changes } = await compute(before, signal);
    if (this.#isTooSoon(changes)) return;
    events.changed(changes);
    const differs = nodeDiffers(before, node);
    if (!differs && !this.#isReportDue()) return;
    const isRegular = !differs && this.#reportedAt !== undefined;
    const patch = nodePatch(before, node);
    const write = (life: AbortSignal) =>
      api.patch<Node>(NODES, this.#options.nodeName, "strategic", patch ?? {}, life, { subresource: "status" });
    const after = await this.#call(write, signal);
    events.written();
    this.#reported(!isRegular);
    own.took(after);
  }

  #isTooSoon(changes: readonly ConditionChange[]): boolean {
    const { clock, isSettling } = this.#deps;
    const goesDown = changes.some(({ reason }) => reason === "NodeNotReady");
    return goesDown && isSettling() && clock.monotonic() - this.#startedAt < SETTLING;
  }

  async #readAfresh(signal: AbortSignal): Promise<Node> {
    const { api, own } = this.#deps;
    const node = await this.#call((life) => api.get<Node>(NODES, this.#options.nodeName, life), signal);
    own.took(node);
    return node;
  }

  #isReportDue(): boolean {
    const { reportFrequency } = this.#options;
    if (this.#reportedAt === undefined) return true;
    return this.#deps.clock.monotonic() - this.#reportedAt >= reportFrequency + this.#delay;
  }

  /** After a change the next report comes sooner or later by chance, so that nodes that changed together don't report together. */
  #reported(byChance: boolean): void {
    const { clock, random } = this.#deps;
    this.#reportedAt = clock.monotonic();
    this.#delay = byChance ? this.#options.reportFrequency * (random.fraction() - 0.5) : 0;
  }

  #call<T>(call: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    return this.#deps.heartbeats.call(call, signal);
  }
}
