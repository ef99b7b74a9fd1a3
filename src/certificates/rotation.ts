import { Bell } from "../base/bell.ts";
import { isFault, KubeletError } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { type Millis, millis, seconds } from "../base/units.ts";
import { within } from "../base/within.ts";
import { isExpired, type KeyPair, validityTrouble } from "../model/certificate.ts";
import type { Clock } from "../ports/clock.ts";
import type { CertificateRequest } from "../ports/keys.ts";
import type { Random } from "../ports/random.ts";
import { endWithoutCertificate } from "./ending.ts";
import { type ObtainDeps, type Obtained, obtainCertificate } from "./obtain.ts";
import type { PairFiles } from "./pair-files.ts";
import { isSameWish, pauseAfter, rotationTime, shortfall } from "./schedule.ts";

export interface RotationOptions {
  /** Begins sentences: `Client certificate`. */
  readonly what: string;
  readonly signer: string;
  readonly usages: readonly string[];
  /** What is to be certified now; undefined: not known yet. Say `wishChanged` when it may give something else. */
  readonly wish: () => CertificateRequest | undefined;
  /** false: only the first certificate is asked for. */
  readonly renews: boolean;
  /** Where the key of the first request is kept until the certificate is there; undefined: each request has a new key. */
  readonly firstKeyFile: string | undefined;
  /** Give up when there is no certificate for five minutes though the API server answers. */
  readonly endsWithout: boolean;
}

/** For metrics. */
export interface RotationListener {
  /** A certificate was asked for in vain. */
  failed(): void;
  /** A certificate took the place of one that was in use since `lived` before. */
  rotated(lived: Millis): void;
}

export interface RotationDeps extends ObtainDeps {
  readonly pairs: PairFiles;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly listener: RotationListener;
}

/** The wall clock may jump, and a suspended machine's monotonic clock stands still: sleeps are cut, and the time is looked at again. */
const LONGEST_SLEEP = seconds(600);
/** A certificate that is due at once when it comes must not lead to a storm of requests. */
const LEAST_USE = seconds(10);

/**
 * Keeps one certificate good: asks for it by CertificateSigningRequest, again after 70 to 90 % of its life or when what is wanted changed,
 * and after failures.
 *
 *     ┌─► resting ──due, or wished otherwise──► asking ──issued──► kept on disk, in force ─┐
 *     │                                          │  ▲                                      │
 *     │                                    failed└──┘ after a pause                        │
 *     └─────────────────────────────────────────────────────────────────────────────────────┘
 */
export class Rotation {
  readonly #options: RotationOptions;
  readonly #deps: RotationDeps;
  readonly #bell = new Bell();
  readonly #first = Promise.withResolvers<void>();
  #pair: KeyPair | undefined;
  /** Of `#pair`; wall milliseconds. */
  #dueAt = 0;
  /** The wish that `#pair` answers: where the signer left something out, asking the same again helps nobody. */
  #answered: CertificateRequest | undefined;
  #asking: { readonly wish: CertificateRequest; stop(): void } | undefined;
  #trouble: string | undefined;
  #serverAnswers = false;

  constructor(options: RotationOptions, deps: RotationDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** The pair in force, unless it has expired. The same object as long as it is the same. */
  get current(): KeyPair | undefined {
    return this.#pair !== undefined && !isExpired(this.#pair.facts, this.#deps.clock.wall()) ? this.#pair : undefined;
  }

  /** When the pair in force expires, or did. */
  get expiresAt(): Date | undefined {
    return this.#pair?.facts.notAfter;
  }

  /** Resolves when there is a certificate that has not expired. */
  get ready(): Promise<void> {
    return this.#first.promise;
  }

  /** Why there is no certificate, or none for later, in words; undefined: all is well. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /**
   * Reads what is on disk. Where there is nothing good, `given` is taken over and at once exchanged: what came with a kubeconfig may be
   * somebody's with more rights. @throws KubeletError `file-failed`
   */
  async load(given?: KeyPair): Promise<void> {
    const { pairs, clock, log } = this.#deps;
    const found = await pairs.current();
    const now = clock.wall();
    const trouble = found && validityTrouble(`${this.#options.what} ${pairs.currentPath}`, found.facts, now);
    if (trouble !== undefined) log.warn(trouble);
    if (found !== undefined && !isExpired(found.facts, now)) return this.#use(found, undefined);
    if (given === undefined) this.#trouble = trouble;
    else {
      await pairs.keep(given, now);
      this.#use(given, undefined);
      this.#dueAt = 0;
    }
  }

  /** What is wished may have changed: look at once. */
  wishChanged(): void {
    const wish = this.#options.wish();
    if (this.#asking && !isSameWish(this.#asking.wish, wish)) this.#asking.stop();
    this.#bell.ring();
  }

  /**
   * Rejects with `signal.reason`, or with KubeletError `start-refused` when the kubelet can't get a certificate any more that it needs: it is
   * then to end, and to start anew from its files.
   */
  async run(signal: AbortSignal): Promise<never> {
    const life = new AbortController();
    const scope = AbortSignal.any([signal, life.signal]);
    const { endsWithout } = this.#options;
    const without = {
      current: () => this.current,
      serverAnswers: () => this.#serverAnswers,
      trouble: () => this.#trouble,
    };
    const tasks = [
      this.#keepGood(scope),
      ...(endsWithout ? [endWithoutCertificate(without, this.#deps.clock, scope)] : []),
    ];
    try {
      return await Promise.race(tasks);
    } finally {
      life.abort();
      await Promise.allSettled(tasks);
    }
  }

  async #keepGood(signal: AbortSignal): Promise<never> {
    for (let failures = 0; ; ) {
      const rest = this.#restFor();
      if (rest > 0) {
        await this.#rest(rest, signal);
        continue;
      }
      failures = (await this.#renew(signal)) ? 0 : failures + 1;
      if (failures > 0) await this.#rest(pauseAfter(failures, this.#deps.random), signal);
    }
  }

  /** Milliseconds until something is to be done; 0: now. */
  #restFor(): number {
    const wish = this.#options.wish();
    const pair = this.#pair;
    if (wish === undefined) return LONGEST_SLEEP;
    if (pair === undefined) return 0;
    if (!this.#options.renews) return LONGEST_SLEEP;
    const lack = isSameWish(wish, this.#answered) ? undefined : shortfall(pair.facts, wish);
    if (lack === undefined) return Math.max(0, this.#dueAt - this.#deps.clock.wall().getTime());
    this.#deps.log.info(`${this.#options.what} is not the one that is needed, asking for another`, { reason: lack });
    return 0;
  }

  #rest(span: number, signal: AbortSignal): Promise<void> {
    return within(millis(Math.min(span, LONGEST_SLEEP)), this.#deps.clock, {
      work: (until) => this.#bell.wait(until),
      late: () => {},
      signal,
    });
  }

  /** Asks once. true: there is a new certificate, or nothing to ask for any more. */
  async #renew(signal: AbortSignal): Promise<boolean> {
    const { what } = this.#options;
    const wish = this.#options.wish();
    if (wish === undefined) return true;
    const attempt = new AbortController();
    this.#asking = { wish, stop: () => attempt.abort(otherWish()) };
    try {
      const obtained = await this.#obtain(wish, AbortSignal.any([signal, attempt.signal]));
      this.#deps.log.info(`${what} is issued`, {
        csr: obtained.csr,
        expires: obtained.pair.facts.notAfter.toISOString(),
      });
      this.#replace(obtained.pair, wish);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof KubeletError)) throw error;
      this.#trouble = error.message;
      this.#deps.listener.failed();
      this.#deps.log.error(`Failed to get a ${what.toLowerCase()}, trying again`, { err: error.message });
      return false;
    } finally {
      this.#asking = undefined;
    }
  }

  #obtain(wish: CertificateRequest, signal: AbortSignal): Promise<Obtained> {
    const { signer, usages, firstKeyFile } = this.#options;
    const { current } = this;
    return obtainCertificate(
      {
        wish,
        signer,
        usages,
        current,
        // A certificate that is to be renewed has time; one that was never there may be waited for by a person with "approve" at hand.
        keptKey: current === undefined ? firstKeyFile : undefined,
        onAsked: (name) => {
          this.#trouble = `certificate signing request ${name} waits to be approved and signed (kubectl certificate approve ${name})`;
          this.#deps.log.info(`${this.#options.what} is asked for`, { csr: name });
        },
        onRefused: (error) => {
          this.#serverAnswers = isFault(error, "api-refused") && [401, 403, 404].includes(error.fault.status);
        },
        keep: (pair) => this.#deps.pairs.keep(pair, this.#deps.clock.wall()),
      },
      this.#deps,
      signal,
    );
  }

  #replace(pair: KeyPair, wish: CertificateRequest): void {
    const before = this.#pair;
    const now = this.#deps.clock.wall().getTime();
    this.#serverAnswers = true;
    this.#use(pair, wish);
    this.#dueAt = Math.max(this.#dueAt, now + LEAST_USE);
    if (before) this.#deps.listener.rotated(millis(Math.max(0, now - before.facts.notBefore.getTime())));
  }

  #use(pair: KeyPair, wish: CertificateRequest | undefined): void {
    const { random, log } = this.#deps;
    this.#pair = pair;
    this.#answered = wish;
    this.#trouble = undefined;
    this.#first.resolve();
    if (!this.#options.renews) return;
    const due = rotationTime(pair.facts, random);
    this.#dueAt = due.getTime();
    log.debug(2, `${this.#options.what} is to be renewed`, { expiration: pair.facts.notAfter, deadline: due });
  }
}

const otherWish = (): KubeletError =>
  new KubeletError("Cannot use the certificate that was asked for: the node's addresses have changed", {
    code: "certificate-not-issued",
    csr: "",
  });
