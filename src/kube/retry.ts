import { isFault, type KubeletError } from "../base/fault.ts";
import { type Instant, type Millis, millis, seconds } from "../base/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";

/** client-go's: with it a server that is overloaded is asked by each client every 30 to 60 s at most. */
const FIRST = millis(800);
const LONGEST = seconds(30);
/** A server that is not reached at all is spared nothing by longer waits: all who wait share one attempt to connect, and leases try as often. */
const LONGEST_UNREACHED = seconds(10);
/** After so long without a failure the server counts as well, and the next wait is short again. */
const FORGET = seconds(60);
/** A server that asks for more is not believed. */
const LONGEST_RETRY_AFTER = seconds(300);

export interface PaceCurve {
  readonly first: Millis;
  readonly longest: Millis;
}

export interface PaceDeps {
  readonly clock: Clock;
  readonly random: Random;
}

/** How long to wait after each failure: doubling, up to twice as long by chance, and never shorter than the server asked for. */
export class Pace {
  readonly #curve: PaceCurve;
  readonly #deps: PaceDeps;
  #delay: Millis;
  #failedAt: Instant | undefined;

  constructor(deps: PaceDeps, curve: PaceCurve = { first: FIRST, longest: LONGEST }) {
    this.#deps = deps;
    this.#curve = curve;
    this.#delay = curve.first;
  }

  next(failure?: unknown): Millis {
    const { clock, random } = this.#deps;
    const now = clock.monotonic();
    if (this.#failedAt !== undefined && now - this.#failedAt > FORGET) this.#delay = this.#curve.first;
    const longest = isFault(failure, "api-unavailable") ? LONGEST_UNREACHED : this.#curve.longest;
    const wait = Math.min(this.#delay, longest) * (1 + random.fraction());
    this.#delay = millis(Math.min(this.#delay * 2, this.#curve.longest));
    const asked = Math.min(retryAfterOf(failure) ?? 0, LONGEST_RETRY_AFTER) * (1 + random.fraction() / 4);
    const chosen = millis(Math.max(wait, asked));
    // The wait itself is no time of health.
    this.#failedAt = (now + chosen) as Instant;
    return chosen;
  }
}

const retryAfterOf = (failure: unknown): Millis | undefined =>
  isFault(failure, "api-refused") ? failure.fault.retryAfter : undefined;

/** Whether the same request may succeed later with nothing changed: not reached, too many requests, an error of the server's own. */
export function isTransient(error: unknown): error is KubeletError {
  if (isFault(error, "api-unavailable")) return true;
  return isFault(error, "api-refused") && (error.fault.status === 429 || error.fault.status >= 500);
}

/** The changes since that version are forgotten: list again. */
export const isExpired = (error: unknown): boolean => isFault(error, "api-refused") && error.fault.status === 410;

export const isNotFound = (error: unknown): boolean => isFault(error, "api-refused") && error.fault.status === 404;

/**
 * Somebody else wrote in between, or the UID is another's: a patch that names one is refused as invalid then, all else with 409.
 * A create's "AlreadyExists" is a 409 too and is not meant.
 */
export function isConflict(error: unknown): boolean {
  if (!isFault(error, "api-refused")) return false;
  const { status, reason } = error.fault;
  return (status === 409 && reason !== "AlreadyExists") || (status === 422 && /metadata\.uid\b/.test(error.message));
}

export const isAlreadyExists = (error: unknown): boolean =>
  isFault(error, "api-refused") && error.fault.reason === "AlreadyExists";

export interface RetryOptions extends PaceDeps {
  readonly curve?: PaceCurve;
  /** How often the server may refuse it before that counts; one that is not reached is tried until it is. Undefined: until it works. */
  readonly refusals?: number;
  /** Told of each failure that is waited out. */
  readonly onFailure?: (error: KubeletError) => void;
}

/**
 * Repeats the call while its failure is transient. Only for calls that may take effect twice: an answer can get lost.
 * @throws what the last try threw, or `signal.reason`
 */
export async function retrying<T>(
  call: (signal: AbortSignal) => Promise<T>,
  options: RetryOptions,
  signal: AbortSignal,
): Promise<T> {
  const { clock, refusals = Number.POSITIVE_INFINITY, onFailure } = options;
  const pace = new Pace(options, options.curve);
  for (let refused = 0; ; ) {
    try {
      return await call(signal);
    } catch (error) {
      signal.throwIfAborted();
      if (isFault(error, "api-refused")) refused++;
      if (!isTransient(error) || refused >= refusals) throw error;
      onFailure?.(error);
      await clock.sleep(pace.next(error), signal);
    }
  }
}
