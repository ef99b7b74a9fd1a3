import { isFault } from "../base/fault.ts";
import { after, millis } from "../base/units.ts";
import type { Pod } from "../model/kubernetes.ts";
import { containerSubject } from "../model/subject.ts";
import type { Clock } from "../ports/clock.ts";
import type { Events } from "../ports/events.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Memory } from "./memory.ts";
import type { Stop } from "./step.ts";

/** StopContainer never gets less: a process needs a moment to act on its signal. */
const LEAST_GRACE = millis(2_000);

export interface StopDeps {
  readonly runtime: Pick<Runtime, "stopContainer" | "containerStatus">;
  readonly events: Events;
  readonly clock: Clock;
}

/**
 * Stops containers side by side under one deadline each. A sidecar waits for those it serves, out of its own grace.
 * One that can't be stopped does not keep the others: the first error comes after all were tried.
 */
export async function stopContainers(
  stops: readonly Stop[],
  pod: Pod | undefined,
  memory: Memory,
  deps: StopDeps,
  signal: AbortSignal,
): Promise<void> {
  const running: { readonly name: string; readonly end: Promise<void> }[] = [];
  // Those that others wait for come first, so that their promise is there to be waited for.
  const ordered = [...stops].sort((a, b) => a.after.length - b.after.length);
  for (const stop of ordered) {
    // By name, of which there may be several instances: one may be of an older sandbox, in a state nobody knows.
    const before = running.filter(({ name }) => stop.after.includes(name)).map(({ end }) => end);
    running.push({ name: stop.name, end: stopOne(stop, before, pod, memory, deps, signal) });
  }
  const results = await Promise.allSettled(running.map(({ end }) => end));
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}

async function stopOne(
  stop: Stop,
  before: readonly Promise<void>[],
  pod: Pod | undefined,
  memory: Memory,
  deps: StopDeps,
  signal: AbortSignal,
): Promise<void> {
  const begun = deps.clock.monotonic();
  if (before.length > 0) await within(stop, before, deps.clock, signal);
  if (stop.restart && (await hasEnded(stop.id, deps, signal))) return;
  const used = deps.clock.monotonic() - begun;
  if (pod) {
    const about = containerSubject(pod, stop.name);
    deps.events.record({ type: "Normal", reason: "Killing", message: stop.message, about });
  }
  const grace = millis(Math.max(LEAST_GRACE, stop.grace - Math.floor(used / 1000) * 1000));
  if (stop.restart) memory.stopToRestart(stop.id);
  try {
    await deps.runtime.stopContainer(stop.id, grace, signal);
  } catch (error) {
    signal.throwIfAborted();
    // A runtime that is away says nothing of the container.
    if (!stop.restart && !isFault(error, "runtime-unavailable"))
      memory.stopFailed(stop.id, after(begun, millis(Math.max(LEAST_GRACE, stop.grace))));
    throw error;
  }
}

/**
 * What is to restart may have ended by itself, and the event of it be lost: its restart policy decides then, not we. Asked of the runtime, because
 * times of the wall clock don't tell when that was set back.
 */
async function hasEnded(id: string, { runtime }: StopDeps, signal: AbortSignal): Promise<boolean> {
  try {
    return (await runtime.containerStatus(id, signal)).state === "exited";
  } catch (error) {
    if (isFault(error, "runtime-not-found")) return true;
    throw error;
  }
}

/** Waits for the others, but not longer than the grace. */
async function within(stop: Stop, before: readonly Promise<void>[], clock: Clock, signal: AbortSignal): Promise<void> {
  const turn = new AbortController();
  try {
    const alarm = clock.sleep(stop.grace, AbortSignal.any([signal, turn.signal])).catch(() => {});
    await Promise.race([Promise.allSettled(before), alarm]);
  } finally {
    turn.abort();
  }
  signal.throwIfAborted();
}
