import { KubeletError, messageOf } from "../../base/fault.ts";
import type { Log } from "../../base/log.ts";
import { type Millis, millis, seconds } from "../../base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import { bootId, isAlive, writeRecord } from "./identity.ts";
import { sizeOf, tailOf, trimLog } from "./log-file.ts";
import type { RuntimePaths } from "./paths.ts";
import { type ContainerdProcess, listens, type SpawnPlan, spawnContainerd } from "./process.ts";

const BACKOFF_FIRST = millis(100);
const BACKOFF_MAX = seconds(10);
const BACKOFF_RESET = seconds(60);
/** Between two looks at the size of its log. */
const LOG_STEP = seconds(600);

/** Wait before the next start. `previous` is the wait before the last one, undefined at the first crash; `uptime` how long it then ran. */
export function nextBackoff(previous: Millis | undefined, uptime: Millis): Millis {
  if (previous === undefined || uptime >= BACKOFF_RESET) return BACKOFF_FIRST;
  return millis(Math.min(previous * 2, BACKOFF_MAX));
}

export interface SupervisorParts {
  readonly paths: RuntimePaths;
  readonly plan: SpawnPlan;
  readonly configHash: string;
  readonly log: Log;
  readonly clock: Clock;
  /** Resolves when the CRI service at the endpoint answers, rejects while it doesn't. */
  readonly probe: (endpoint: string, signal: AbortSignal) => Promise<void>;
  /** What has to be done after each start before pods can run. */
  readonly afterStart: (signal: AbortSignal) => Promise<void>;
}

type Outcome = { readonly kind: "ready" } | { readonly kind: "ended"; readonly how: string };

const FIRST_TRIES = 3;
const FIRST_START_LIMIT = seconds(60);
const PROBE_STEP = millis(10);
const PROBE_LIMIT = seconds(5);

/**
 * Keeps one containerd running:
 *
 *   starting -> ready -> ended -> (back-off) -> starting …
 *
 * An abort ends the watch and leaves containerd alone.
 */
export class Supervisor {
  readonly #parts: SupervisorParts;
  #process: ContainerdProcess | undefined;
  #startedAt = 0;
  #logFrom = 0;
  #backoff: Millis | undefined;

  constructor(parts: SupervisorParts) {
    this.#parts = parts;
  }

  /** Takes a process that runs already. */
  adopt(running: ContainerdProcess): void {
    this.#process = running;
    this.#startedAt = this.#parts.clock.monotonic();
    this.#logFrom = 0;
  }

  /**
   * Takes a process that runs already and answers, until pods can run. One that ends meanwhile is started again.
   *
   * @throws KubeletError as `start`
   */
  async takeOver(running: ContainerdProcess, signal: AbortSignal): Promise<void> {
    const { afterStart, clock, log } = this.#parts;
    this.adopt(running);
    try {
      return await afterStart(signal);
    } catch (error) {
      signal.throwIfAborted();
      log.warn("Cannot use the containerd that was taken over yet, trying again", { err: messageOf(error) });
    }
    const outcome = await this.#waitReady(running, clock.monotonic() + FIRST_START_LIMIT, signal);
    if (outcome.kind === "ready") return;
    await this.#pause(outcome.how, signal);
    await this.start(signal);
  }

  /**
   * First start, until ready.
   *
   * @throws KubeletError `start-refused` with the last words of its log when it ends three times in a row, or isn't ready in a minute
   */
  async start(signal: AbortSignal): Promise<void> {
    const limit = this.#parts.clock.monotonic() + FIRST_START_LIMIT;
    for (let tries = 1; ; tries++) {
      const outcome = await this.#bringUp(limit, signal);
      if (outcome.kind === "ready") return;
      if (tries === FIRST_TRIES) throw this.#refused(`it ended ${tries} times in a row, last with ${outcome.how}`);
      await this.#pause(outcome.how, signal);
    }
  }

  /** Restarts it whenever it ends, and keeps its log small. Resolves at the abort. */
  async watch(signal: AbortSignal): Promise<void> {
    try {
      await Promise.all([this.#keepRunning(signal), this.#keepLogSmall(signal)]);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #keepRunning(signal: AbortSignal): Promise<never> {
    for (;;) {
      const how = await endOrAbort(this.#process?.ended, signal);
      let outcome: Outcome = { kind: "ended", how };
      while (outcome.kind === "ended") {
        await this.#pause(outcome.how, signal);
        outcome = await this.#bringUp(Number.POSITIVE_INFINITY, signal);
      }
      this.#parts.log.info("Restarted embedded containerd", { pid: this.#process?.identity.pid });
    }
  }

  /** It may run for months, and writes some lines for each try to start a pod. */
  async #keepLogSmall(signal: AbortSignal): Promise<never> {
    const { clock, log, paths } = this.#parts;
    for (;;) {
      await clock.sleep(LOG_STEP, signal);
      try {
        if (await trimLog(paths.log)) this.#logFrom = 0;
      } catch (error) {
        log.warn("Cannot set the log of embedded containerd aside", { path: paths.log, err: messageOf(error) });
      }
    }
  }

  async #pause(how: string, signal: AbortSignal): Promise<void> {
    const { clock, log, paths } = this.#parts;
    this.#backoff = nextBackoff(this.#backoff, millis(clock.monotonic() - this.#startedAt));
    log.error("Embedded containerd ended, starting it again", {
      how,
      backoffMs: this.#backoff,
      lastLines: tailOf(paths.log, 5, this.#logFrom),
      log: paths.log,
    });
    await clock.sleep(this.#backoff, signal);
  }

  async #bringUp(limit: number, signal: AbortSignal): Promise<Outcome> {
    const { clock, configHash, log, paths, plan } = this.#parts;
    this.#startedAt = clock.monotonic();
    this.#logFrom = sizeOf(paths.log);
    let running: ContainerdProcess;
    try {
      running = await spawnContainerd(plan, paths);
    } catch (error) {
      return { kind: "ended", how: messageOf(error) };
    }
    this.#process = running;
    try {
      writeRecord(paths.pidFile, { ...running.identity, bootId: bootId(), configHash });
    } catch (error) {
      // A full disk must not cost the runtime: the next kubelet then finds it by its command line.
      log.warn("Cannot write pid file of embedded containerd", { path: paths.pidFile, err: messageOf(error) });
    }
    return this.#waitReady(running, limit, signal);
  }

  async #waitReady(running: ContainerdProcess, limit: number, signal: AbortSignal): Promise<Outcome> {
    const { clock, log } = this.#parts;
    const ended = running.ended.then((how): Outcome => ({ kind: "ended", how }));
    let complaint = clock.monotonic() + seconds(10);
    for (;;) {
      const problem = await this.#tryUse(signal);
      if (problem === undefined) return { kind: "ready" };
      const now = clock.monotonic();
      if (now > limit)
        throw this.#refused(`it runs but does not answer after ${FIRST_START_LIMIT / 1000} s: ${problem}`);
      if (now > complaint) {
        log.warn("Embedded containerd runs but does not answer yet", { err: problem });
        complaint = now + seconds(60);
      }
      const stopWaiting = new AbortController();
      const sleep = clock.sleep(PROBE_STEP, AbortSignal.any([signal, stopWaiting.signal])).then(() => undefined);
      const outcome = await Promise.race([ended, sleep]);
      stopWaiting.abort();
      sleep.catch(() => {});
      if (outcome) return outcome;
      if (!isAlive(running.identity)) return ended;
    }
  }

  /** What still keeps pods from running; undefined: nothing. */
  async #tryUse(signal: AbortSignal): Promise<string | undefined> {
    const { afterStart, clock, paths, probe } = this.#parts;
    // A gRPC client that tried too early would wait out its own back-off.
    if (!(await listens(paths.socket))) return "socket does not listen";
    const deadline = new AbortController();
    const timer = clock.sleep(PROBE_LIMIT, AbortSignal.any([signal, deadline.signal]));
    const limited = new AbortController();
    timer.then(
      () => limited.abort(new Error(`no answer in ${PROBE_LIMIT / 1000} s`)),
      () => {},
    );
    try {
      await probe(paths.endpoint, AbortSignal.any([signal, limited.signal]));
    } catch (error) {
      signal.throwIfAborted();
      return messageOf(error);
    } finally {
      deadline.abort();
    }
    try {
      await afterStart(signal);
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      return messageOf(error);
    }
  }

  #refused(what: string): KubeletError {
    const { paths } = this.#parts;
    const lines = tailOf(paths.log, 5, this.#logFrom);
    return new KubeletError(
      `Cannot start embedded containerd: ${what}. Its log ${paths.log} ends:\n${lines.join("\n")}`,
      { code: "start-refused", what: "embedded containerd" },
    );
  }
}

async function endOrAbort(ended: Promise<string> | undefined, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([ended ?? "never started", promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
