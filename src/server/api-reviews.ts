import { createHash, createHmac } from "node:crypto";
import { isFault, KubeletError } from "../base/fault.ts";
import { Semaphore } from "../base/semaphore.ts";
import { type Millis, millis, seconds } from "../base/units.ts";
import { within } from "../base/within.ts";
import type { SubjectAccessReview } from "../model/kubernetes.ts";
import type { Clock } from "../ports/clock.ts";
import type { Collection, KubeApi, KubeObject } from "../ports/kube-api.ts";
import type { Random } from "../ports/random.ts";
import type { Identity } from "./access.ts";
import { AnswersKept } from "./answers-kept.ts";
import type { Reviews } from "./gate.ts";
import { accessReview, holderIn, isAllowed, tokenReview } from "./review.ts";

export interface ReviewOptions {
  readonly nodeName: string;
  /** authentication.webhook.cacheTTL; of both answers on a token. */
  readonly tokenTtl: Millis;
  /** authorization.webhook.cacheAuthorizedTTL and cacheUnauthorizedTTL. */
  readonly allowedTtl: Millis;
  readonly deniedTtl: Millis;
}

export interface ReviewDeps {
  /** undefined: no API server known yet. */
  readonly api: () => KubeApi | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

const TOKEN_REVIEWS: Collection = { group: "authentication.k8s.io", version: "v1", resource: "tokenreviews" };
const ACCESS_REVIEWS: Collection = { group: "authorization.k8s.io", version: "v1", resource: "subjectaccessreviews" };
const MOST_KEPT = 8192;
/** A client that nobody knows yet must not use up the node's requests to the API server. */
const MOST_AT_ONCE = 16;
/** For one question with all its tries; longer than any client should wait. */
const PATIENCE = seconds(30);
/** Upstream's: 500 ms, half as long again each time, a fifth of jitter. */
const TRIES = 5;
const FIRST_WAIT_MS = 500;
const LONGEST_TOKEN = 64 * 1024;

/** TokenReview and SubjectAccessReview by the API server, kept for a while. While it is away, what is kept still counts. `signal` ends all. */
export function apiReviews(options: ReviewOptions, deps: ReviewDeps, signal: AbortSignal): Reviews {
  const holders = new AnswersKept<Identity | undefined>(MOST_KEPT, deps.clock);
  const rights = new AnswersKept<boolean>(MOST_KEPT, deps.clock);
  const places = new Semaphore(MOST_AT_ONCE);
  const secret = deps.random.hex(64);
  const ask = <T extends KubeObject>(at: Collection, review: T): Promise<T> =>
    within(PATIENCE, deps.clock, {
      work: async (until) => {
        using _place = await places.take(until);
        return await tried((api) => api.create<T>(at, review, until), deps, until);
      },
      late,
      signal,
    });
  return {
    async holderOf(token, caller) {
      if (token.length > LONGEST_TOKEN) return undefined;
      // The key tells nothing of the token, and nobody can choose two tokens of one key.
      const key = createHmac("sha256", secret).update(token).digest("base64");
      return holders.get(
        key,
        async () => holderIn(await ask(TOKEN_REVIEWS, tokenReview(token))),
        () => options.tokenTtl,
        caller,
      );
    },
    async mayUse(identity, verb, subresource, caller) {
      const review = accessReview(identity, { verb, subresource, node: options.nodeName });
      const key = createHash("sha256").update(JSON.stringify(review.spec)).digest("base64");
      return rights.get(
        key,
        async () => isAllowed(await ask<SubjectAccessReview>(ACCESS_REVIEWS, review)),
        (allowed) => (allowed ? options.allowedTtl : options.deniedTtl),
        caller,
      );
    },
  };
}

async function tried<T>(
  call: (api: KubeApi) => Promise<T>,
  { api, clock, random }: ReviewDeps,
  signal: AbortSignal,
): Promise<T> {
  for (let n = 0; ; n++) {
    try {
      const now = api();
      if (now) return await call(now);
      throw unavailable("no connection to it yet");
    } catch (error) {
      signal.throwIfAborted();
      if (n + 1 >= TRIES || !mayPass(error)) throw error;
      const wait = FIRST_WAIT_MS * 1.5 ** n * (1 + 0.2 * random.fraction());
      const asked = isFault(error, "api-refused") ? (error.fault.retryAfter ?? 0) : 0;
      await clock.sleep(millis(Math.max(wait, asked)), signal);
    }
  }
}

/** Not reached, overloaded, or an error of its own. */
function mayPass(error: unknown): boolean {
  if (isFault(error, "api-unavailable")) return true;
  if (!isFault(error, "api-refused")) return false;
  const { status, retryAfter } = error.fault;
  return status === 429 || status === 500 || retryAfter !== undefined;
}

function late(): never {
  throw unavailable(`no answer within ${PATIENCE / 1000} s`);
}

const unavailable = (why: string): KubeletError =>
  new KubeletError(`Cannot ask the API server: ${why}`, { code: "api-unavailable", server: "" });
