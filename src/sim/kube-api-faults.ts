import { KubeletError } from "../base/fault.ts";
import { type Millis, millis } from "../base/units.ts";
import type { Collection } from "../ports/kube-api.ts";
import type { Chance } from "./chance.ts";

export const SIM_SERVER = "https://simulated-api-server:6443";

/** One request, as a test or a fault looks at it. */
export interface ApiCall {
  readonly verb: "get" | "list" | "watch" | "create" | "replace" | "patch" | "delete";
  readonly at: Collection;
  /** "" for a list, a watch, and the creation of an object. */
  readonly name: string;
  readonly subresource: string;
  /** The object or the patch; of a list or a watch its query. */
  readonly body: unknown;
}

/** What goes wrong with one request. */
export type ApiFault =
  /** Not reached: nothing happened. */
  | { readonly kind: "unavailable" }
  /** Done, but the answer got lost. */
  | { readonly kind: "lost-answer" }
  /** Said no: 429, 500, 503 and whatever else a test wants; `why` in its words. */
  | {
      readonly kind: "refused";
      readonly status: number;
      readonly reason?: string;
      readonly why?: string;
      readonly retryAfter?: Millis;
    };

/** What goes wrong at the simulated API server right now; one of these per world. */
export class ApiFaults {
  /** Nothing is reached; watches that are open are cut by `SimApiServer.cutWatches`. */
  down = false;
  /** Shares of requests, 0 to 1; each needs `chance`. */
  failures = 0;
  lostAnswers = 0;
  /** How long an answer takes, virtual ms; undefined: no time at all. */
  latency: (() => number) | undefined;
  /** Faults of the next requests in order, before all others: for unit tests. `undefined` lets one pass. */
  readonly next: (ApiFault | undefined)[] = [];
  /** Decides first, and sees each request. */
  judge: ((call: ApiCall) => ApiFault | undefined) | undefined;
  readonly #chance: Chance | undefined;

  constructor(chance?: Chance) {
    this.#chance = chance;
  }

  of(call: ApiCall): ApiFault | undefined {
    const judged = this.judge?.(call);
    if (judged) return judged;
    if (this.next.length > 0) return this.next.shift();
    if (this.down) return { kind: "unavailable" };
    const chance = this.#chance;
    if (!chance) return undefined;
    if (this.failures > 0 && chance.happens(this.failures)) return chance.pick(FAILURES);
    if (this.lostAnswers > 0 && chance.happens(this.lostAnswers)) return { kind: "lost-answer" };
    return undefined;
  }

  /** The server behaves from now on. */
  stop(): void {
    this.down = false;
    this.failures = 0;
    this.lostAnswers = 0;
    this.next.length = 0;
  }
}

const FAILURES: readonly ApiFault[] = [
  { kind: "unavailable" },
  { kind: "refused", status: 429, reason: "TooManyRequests", retryAfter: millis(1000) },
  { kind: "refused", status: 500, reason: "InternalError" },
  { kind: "refused", status: 503, reason: "ServiceUnavailable" },
];

export function refused(status: number, reason: string, why: string, retryAfter?: Millis): KubeletError {
  return new KubeletError(`API server refused: ${why}`, {
    code: "api-refused",
    status,
    reason,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  });
}

export const unreached = (why: string): KubeletError =>
  new KubeletError(`Cannot reach the API server at ${SIM_SERVER}: ${why}`, {
    code: "api-unavailable",
    server: SIM_SERVER,
  });
