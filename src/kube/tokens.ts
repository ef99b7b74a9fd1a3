import { jittered } from "../base/backoff.ts";
import { Bell } from "../base/bell.ts";
import { KubeletError } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { type Instant, type Millis, millis, seconds, until } from "../base/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubeApi, KubeObject } from "../ports/kube-api.ts";
import type { Random } from "../ports/random.ts";
import type { PodTokens, TokenOwner, TokenWish } from "../ports/referenced.ts";
import { onceAuthorized } from "./authorized.ts";
import { readFound } from "./found-token.ts";

export interface TokensDeps {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** A pod's token should be asked for again. */
  readonly onDue: (uid: string) => void;
}

interface Kept {
  readonly owner: TokenOwner;
  readonly token: string;
  /** Both clocks at the answer: the monotonic one stands still while the machine sleeps, the wall's may be set. */
  readonly since: Instant;
  readonly wallSince: number;
  /** How old it was `since`: nothing, unless an earlier kubelet had asked for it. */
  readonly ageThen: Millis;
  readonly lifetime: Millis;
  /** Age at which it should be asked for anew. */
  freshFor: Millis;
}

/** A token is replaced at 80 % of its life, and at this age at the latest. */
const OLDEST = seconds(24 * 3600);
const FRESH_PART = 0.8;
/** So that tokens that were made together are not replaced together. */
const MAX_JITTER = seconds(10);
/** Nothing is asked for more often than this, whatever the server says of lifetimes. */
const LEAST_AGE = seconds(10);
/** After a try that failed while the old one still serves: about upstream's pace of looking at a volume again. */
const REFRESH_RETRY = seconds(60);
/** The machine may sleep, which timers do not count: look at least this often. */
const LONGEST_REST = seconds(300);
const MAX_TOKEN_CHARACTERS = 64 * 1024;

/**
 * Tokens of ServiceAccounts by TokenRequest, each bound to one pod, kept in memory until they should be replaced; one that can't be
 * replaced serves until it expires. `run` tells when.
 */
export class Tokens implements PodTokens {
  readonly #deps: TokensDeps;
  readonly #kept = new Map<string, Kept>();
  readonly #bell = new Bell();

  constructor(deps: TokensDeps) {
    this.#deps = deps;
  }

  async token(
    owner: TokenOwner,
    wish: TokenWish,
    signal: AbortSignal,
    found?: () => Promise<string | undefined>,
  ): Promise<string> {
    const key = keyOf(owner, wish);
    // A kubelet that starts would ask for the tokens of all its pods at once, and have each pod's files written anew.
    const known = this.#kept.get(key) ?? this.#adopt(key, owner, wish, await found?.());
    if (known && this.#age(known) < known.freshFor) return known.token;
    try {
      const made = await this.#request(owner, wish, signal);
      this.#kept.set(key, made);
      this.#bell.ring();
      return made.token;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof KubeletError)) throw error;
      return this.#without(key, known, error);
    }
  }

  forget(uid: string): void {
    for (const [key, { owner }] of this.#kept) if (owner.uid === uid) this.#kept.delete(key);
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Calls `onDue` for tokens that are to be replaced. Rejects with the signal's reason. */
  async run(signal: AbortSignal): Promise<never> {
    for (;;) {
      const due = new Set<string>();
      let rest: Millis = LONGEST_REST;
      for (const kept of this.#kept.values()) {
        const left = kept.freshFor - this.#age(kept);
        if (left <= 0) due.add(kept.owner.uid);
        rest = millis(Math.min(rest, Math.max(left, LEAST_AGE)));
      }
      for (const uid of due) this.#deps.onDue(uid);
      await this.#rest(rest, signal);
    }
  }

  async #rest(span: Millis, signal: AbortSignal): Promise<void> {
    const enough = new AbortController();
    const either = AbortSignal.any([signal, enough.signal]);
    try {
      await Promise.race([this.#bell.wait(either), this.#deps.clock.sleep(span, either)]);
    } finally {
      enough.abort(new Error("rested"));
    }
  }

  #age({ since, wallSince, ageThen }: Kept): number {
    const { clock } = this.#deps;
    return Math.max(ageThen + until(since, clock.monotonic()), clock.wall().getTime() - wallSince);
  }

  /** The old one, as long as it lives. */
  #without(key: string, known: Kept | undefined, error: KubeletError): string {
    if (!known) throw waiting(`failed to fetch token: ${error.message}`);
    const age = this.#age(known);
    if (age >= known.lifetime) {
      const { namespace, name } = known.owner;
      this.#kept.delete(key);
      throw waiting(`token of pod ${namespace}/${name} expired and refresh failed: ${error.message}`);
    }
    this.#deps.log.error("Cannot replace a service account token, the old one serves on", {
      pod: `${known.owner.namespace}/${known.owner.name}`,
      err: error.message,
    });
    known.freshFor = millis(age + jittered(REFRESH_RETRY, this.#deps.random));
    return known.token;
  }

  #adopt(key: string, owner: TokenOwner, wish: TokenWish, token: string | undefined): Kept | undefined {
    const read = token === undefined ? undefined : readFound(token, owner, wish);
    if (token === undefined || !read) return undefined;
    const { clock } = this.#deps;
    const age = clock.wall().getTime() - read.issuedAt;
    const freshFor = this.#freshFor(read.lifetime);
    // Of a time to come: the clocks don't agree, and its age can't be told.
    if (age < -MAX_JITTER || age >= freshFor) return undefined;
    const kept: Kept = {
      ...{ owner, token, freshFor, lifetime: millis(read.lifetime) },
      ...{ since: clock.monotonic(), wallSince: read.issuedAt, ageThen: millis(Math.max(0, age)) },
    };
    this.#kept.set(key, kept);
    this.#bell.ring();
    return kept;
  }

  #freshFor(lifetime: number): Millis {
    const jitter = this.#deps.random.fraction() * MAX_JITTER;
    return millis(Math.max(LEAST_AGE, Math.min(OLDEST, lifetime * FRESH_PART) - jitter));
  }

  async #request(owner: TokenOwner, wish: TokenWish, signal: AbortSignal): Promise<Kept> {
    const { clock } = this.#deps;
    const [since, wallSince] = [clock.monotonic(), clock.wall().getTime()];
    const { token, lifetime } = read(await this.#post(owner, wish, signal), wish);
    return { owner, token, since, wallSince, ageThen: millis(0), lifetime, freshFor: this.#freshFor(lifetime) };
  }

  #post(owner: TokenOwner, wish: TokenWish, signal: AbortSignal): Promise<KubeObject> {
    const { api, clock } = this.#deps;
    const at = { group: "", version: "v1", resource: "serviceaccounts", namespace: owner.namespace };
    const named = { name: wish.serviceAccount, subresource: "token" };
    return onceAuthorized(() => api.create(at, requestOf(owner, wish), signal, named), clock, signal);
  }
}

function requestOf({ name, uid }: TokenOwner, { audience, expirationSeconds }: TokenWish): KubeObject {
  const spec = {
    audiences: audience === undefined ? [] : [audience],
    expirationSeconds,
    boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid },
  };
  const request = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", metadata: {}, spec };
  return request;
}

/** What the server granted. How long is told by the granted seconds, not by the time of expiry: that one needs two clocks that agree. */
function read(reply: KubeObject, wish: TokenWish): { readonly token: string; readonly lifetime: Millis } {
  const { spec, status } = reply as { readonly spec?: unknown; readonly status?: unknown };
  const token = fieldOf(status, "token");
  if (typeof token !== "string" || token === "" || token.length > MAX_TOKEN_CHARACTERS) {
    throw waiting("the API server's answer holds no usable token");
  }
  const granted = fieldOf(spec, "expirationSeconds");
  const isUsable = typeof granted === "number" && Number.isFinite(granted) && granted > 0;
  return { token, lifetime: seconds(isUsable ? granted : wish.expirationSeconds) };
}

const fieldOf = (value: unknown, field: string): unknown =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>)[field] : undefined;

const keyOf = ({ namespace, uid }: TokenOwner, { serviceAccount, audience, expirationSeconds }: TokenWish): string =>
  JSON.stringify([uid, namespace, serviceAccount, audience ?? null, expirationSeconds]);

const waiting = (message: string): KubeletError =>
  new KubeletError(message, { code: "waiting", reason: "ContainerCreating" });
