/**
 * How many heavy calls the runtime gets at once. A runtime that only computes gains nothing from more than a few for each core, while one that waits for its
 * network plugin takes many more: so the limit follows latency. Each kind of call has a base, the latency when little else ran; calls much slower than
 * their base mean that they queue inside the runtime, and the limit goes down. Pure.
 *
 * It does not go below four a core. Calls are slow as well where others use the processor, and then fewer of them only get a smaller share of it: with a
 * load of sixty on two cores, fifty pods took three times as long two calls at a time as with no limit. Measured on two cores that nobody else used, thirty
 * pods: 6.5 s with two to four calls at a time, 5.7 s with eight, 6.1 s with sixteen, and as much processor time with fifty as with three.
 */
export interface Limit {
  /** May have a fraction; whole part counts. */
  readonly value: number;
  readonly floor: number;
  /** So many calls don't get in each other's way. */
  readonly few: number;
  /** Milliseconds by kind of call. */
  readonly base: { readonly [call: string]: number };
}

/** One heavy call that came to its end. */
export interface Sample {
  readonly call: string;
  readonly latency: number;
  /** Calls in flight when it was sent, itself included. */
  readonly inFlight: number;
  readonly failed: boolean;
}

const CEILING = 64;
const LEAST_PER_CORE = 4;
/** A call may take this many times its base before the limit shrinks: on n cores, 2n calls each run at half speed and lose nothing. */
const TOLERANCE = 2;
/** The limit always tries one more than what was good so far. */
const HEADROOM = 1;
const WEIGHT = 0.1;
/** How fast the base follows when calls get slower with little else running: machines and images change. */
const LEARN = 0.1;

export function startingLimit(cores: number): Limit {
  const floor = Math.min(CEILING, Math.max(1, cores) * LEAST_PER_CORE);
  return { value: floor, floor, few: Math.max(2, cores), base: {} };
}

export function adaptLimit(limit: Limit, sample: Sample): Limit {
  // The latency of a failure tells about the failure.
  if (sample.failed || !(sample.latency > 0)) return limit;
  const base = nextBase(limit, sample);
  const next = { ...limit, base: { ...limit.base, [sample.call]: base } };
  // Without a queue, latency says nothing about whether a higher or lower limit would do better.
  if (sample.inFlight < Math.floor(limit.value)) return next;
  const ratio = Math.min(1, Math.max(0.5, (base * TOLERANCE) / sample.latency));
  const goal = limit.value * ratio + HEADROOM;
  return { ...next, value: Math.min(CEILING, Math.max(limit.floor, limit.value + (goal - limit.value) * WEIGHT)) };
}

/** Only calls with little company may raise a base: otherwise overload would become the measure of itself. */
function nextBase({ base, few }: Limit, { call, latency, inFlight }: Sample): number {
  const known = base[call];
  // Nothing known, as when a node starts all its pods at once: taken for a runtime that only computes, which is the cautious guess.
  if (known === undefined) return latency / Math.max(1, inFlight / few);
  if (latency < known) return latency;
  return inFlight <= few ? known + (latency - known) * LEARN : known;
}
