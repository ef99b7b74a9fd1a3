import { isFault, KubeletError, messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { millis, seconds } from "../base/units.ts";
import { isConflict, isNotFound, Pace } from "../kube/index.ts";
import type { Lease, Node } from "../model/kubernetes.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { Random } from "../ports/random.ts";
import { NODE_LEASES } from "./collections.ts";
import type { Heartbeats } from "./heartbeat.ts";

export interface LeaseOptions {
  readonly nodeName: string;
  readonly leaseDurationSeconds: number;
}

export interface LeaseDeps {
  /** On a connection of its own. */
  readonly api: KubeApi;
  readonly heartbeats: Heartbeats;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Our Node, whose UID the lease names; undefined: not known. */
  readonly node: () => Node | undefined;
  /** Resolves when the Node is known. */
  readonly whenNode: (signal: AbortSignal) => Promise<Node>;
}

/** Part of its duration after which a lease is renewed, and the chance in it, so that the nodes of a cluster don't beat together. */
const FRACTION = 0.25;
const JITTER = 0.04;
const TRIES = 5;
const ENSURE_CURVE = { first: millis(200), longest: seconds(7) };

/**
 * The node's sign of life: a Lease in kube-node-lease that is renewed every quarter of its duration, whatever else is stuck. What was written
 * last is the base of the next write; only when that fails the lease is read, or made. Runs until the signal aborts.
 */
export class LeaseKeeper {
  readonly #options: LeaseOptions;
  readonly #deps: LeaseDeps;
  #latest: Lease | undefined;
  #failing = false;

  constructor(options: LeaseOptions, deps: LeaseDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  async run(signal: AbortSignal): Promise<never> {
    const { clock, random, whenNode } = this.#deps;
    const period = this.#options.leaseDurationSeconds * 1000 * FRACTION;
    await whenNode(signal);
    for (;;) {
      await this.#beat(signal);
      await clock.sleep(millis(period * (1 + JITTER * random.fraction())), signal);
    }
  }

  async #beat(signal: AbortSignal): Promise<void> {
    if (this.#latest && (await this.#renew(this.#latest, signal))) return;
    const { lease, made } = await this.#ensure(signal);
    this.#latest = lease;
    if (lease && !made) await this.#renew(lease, signal);
  }

  /** Up to five tries, the next at once; whether one worked. */
  async #renew(base: Lease, signal: AbortSignal): Promise<boolean> {
    const { nodeName } = this.#options;
    let from: Lease | undefined = base;
    for (let attempt = 0; attempt < TRIES && from; attempt++) {
      const next = this.#next(from);
      try {
        this.#latest = await this.#call((api, life) => api.replace<Lease>(NODE_LEASES, nodeName, next, life), signal);
        this.#works();
        return true;
      } catch (error) {
        this.#complain("Cannot renew the node lease", error, signal);
        if (isNotFound(error)) break;
        if (isConflict(error)) from = (await this.#ensure(signal)).lease;
      }
    }
    return false;
  }

  /** Reads the lease, or makes it; tries until one works. No lease: the Node is not known, so there is nothing to own it. */
  async #ensure(signal: AbortSignal): Promise<{ readonly lease: Lease | undefined; readonly made: boolean }> {
    const { clock } = this.#deps;
    const pace = new Pace(this.#deps, ENSURE_CURVE);
    for (;;) {
      try {
        return await this.#readOrMake(signal);
      } catch (error) {
        this.#complain("Cannot read or make the node lease", error, signal);
        await clock.sleep(pace.next(error), signal);
      }
    }
  }

  async #readOrMake(signal: AbortSignal): Promise<{ readonly lease: Lease | undefined; readonly made: boolean }> {
    const { nodeName } = this.#options;
    try {
      const get = (api: KubeApi, life: AbortSignal) => api.get<Lease>(NODE_LEASES, nodeName, life);
      return { lease: await this.#call(get, signal), made: false };
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    if (!this.#deps.node()) return { lease: undefined, made: false };
    const metadata = { name: nodeName, namespace: NODE_LEASES.namespace };
    const lease = this.#next({ metadata, spec: { holderIdentity: nodeName } });
    const made = await this.#call((api, life) => api.create<Lease>(NODE_LEASES, lease, life), signal);
    this.#works();
    return { lease: made, made: true };
  }

  /** The lease, renewed now and owned by the Node there is: one that names an earlier Node would be collected as garbage. */
  #next(base: Lease): Lease {
    const { nodeName, leaseDurationSeconds } = this.#options;
    const uid = this.#deps.node()?.metadata?.uid;
    const owners = base.metadata?.ownerReferences ?? [];
    const owned = uid === undefined || owners.some((owner) => owner.uid === uid);
    const others = owners.filter(({ kind }) => kind !== "Node");
    const owner = { apiVersion: "v1", kind: "Node", name: nodeName, uid: uid ?? "" };
    return {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { ...base.metadata, ...(owned ? {} : { ownerReferences: [...others, owner] }) },
      spec: { ...base.spec, leaseDurationSeconds, renewTime: microTime(this.#deps.clock.wall()) },
    };
  }

  #call<T>(call: (api: KubeApi, signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const { api, heartbeats } = this.#deps;
    return heartbeats.call((life) => call(api, life), signal);
  }

  #works(): void {
    if (this.#failing) this.#deps.log.info("The node lease is renewed again");
    this.#failing = false;
  }

  #complain(message: string, error: unknown, signal: AbortSignal): void {
    signal.throwIfAborted();
    if (!(error instanceof KubeletError)) throw error;
    const fields = { err: messageOf(error) };
    if (this.#failing || isFault(error, "api-refused")) this.#deps.log.debug(2, message, fields);
    else this.#deps.log.warn(message, fields);
    this.#failing = true;
  }
}

/** As metav1.MicroTime is written; the clock knows milliseconds. */
export const microTime = (at: Date): string => at.toISOString().replace(/\.(\d{3})Z$/, ".$1000Z");
