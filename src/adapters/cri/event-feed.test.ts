import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KubeletError } from "../../base/fault.ts";
import { silentLog } from "../../base/log.ts";
import { instant, type Millis } from "../../base/units.ts";
import type { ContainerExit, RuntimeEvent } from "../../model/runtime.ts";
import type { Clock } from "../../ports/clock.ts";
import { type FeedItem, followEvents } from "./event-feed.ts";
import type { EventSource } from "./event-sources.ts";
import { settled, type TaskDeleted } from "./settle.ts";

/** Sleeps take no real time; each is written down. */
class JumpClock implements Clock {
  #now = 0;
  readonly slept: number[] = [];
  monotonic = () => instant(this.#now);
  wall = () => new Date(this.#now);
  async sleep(span: Millis, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.slept.push(span);
    this.#now += span;
    // Lets everything else that is ready run first.
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
  }
}

const isNews = () => true;
const STOPPED: RuntimeEvent = { kind: "stopped", id: "c1" };
const unimplemented = () => new KubeletError("no", { code: "runtime-unimplemented", call: "x" });

/** Each opening plays the next script; the last one for ever. A script's last step may be an error; "hang" stays open. */
function scripted(name: string, ...scripts: readonly (readonly (RuntimeEvent | Error | "hang")[])[]): EventSource {
  let turn = 0;
  return {
    name,
    async *open(_isNews, signal) {
      for (const step of scripts[Math.min(turn++, scripts.length - 1)] ?? []) {
        if (step === "hang") {
          await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        } else if (step instanceof Error) throw step;
        else yield step;
      }
    },
  };
}

async function collect(sources: readonly EventSource[], count: number, probe = async () => {}) {
  const clock = new JumpClock();
  const abort = new AbortController();
  const items: FeedItem["kind"][] = [];
  const deps = {
    sources: async () => sources,
    probe,
    clock,
    random: { fraction: () => 0.5, hex: () => "" },
    log: silentLog,
  };
  for await (const item of followEvents(deps, isNews, abort.signal)) if (items.push(item.kind) === count) break;
  abort.abort();
  return { items, slept: clock.slept };
}

describe("followEvents()", () => {
  it("yields resync once the stream is known to work, then events", async () => {
    const { items } = await collect([scripted("a", [STOPPED, STOPPED, "hang"])], 3);
    assert.deepEqual(items, ["resync", "stopped", "stopped"]);
  });
  it("takes the next source where the first is unimplemented", async () => {
    const { items } = await collect([scripted("a", [unimplemented()]), scripted("b", [STOPPED, "hang"])], 2);
    assert.deepEqual(items, ["resync", "stopped"]);
  });
  it("takes the next source where the first ends at once without an error", async () => {
    const { items } = await collect([scripted("a", []), scripted("b", [STOPPED, "hang"])], 2);
    assert.deepEqual(items, ["resync", "stopped"]);
  });
  it("says lost once and tries slowly where no source works", async () => {
    const { items, slept } = await collect([scripted("a", [], [], [], [STOPPED, "hang"])], 3);
    assert.deepEqual(items, ["lost", "resync", "stopped"]);
    assert.deepEqual(
      slept.filter((span) => span >= 1000),
      [30_000, 30_000, 30_000],
    );
  });
  it("says lost and connects again when a stream breaks, waiting longer each time up to 3 s", async () => {
    const broken = [STOPPED, new Error("broken")];
    const { items, slept } = await collect([scripted("a", broken)], 24);
    assert.deepEqual(items.slice(0, 6), ["resync", "stopped", "lost", "resync", "stopped", "lost"]);
    assert.deepEqual(
      slept.filter((span) => span > 20),
      [100, 200, 400, 800, 1600, 3000, 3000],
    );
  });
  it("says lost while the runtime is away", async () => {
    let answers = 0;
    const probe = async () => {
      if (answers++ < 2) throw new Error("away");
    };
    const { items } = await collect([scripted("a", ["hang"])], 2, probe);
    assert.deepEqual(items, ["lost", "resync"]);
  });
  it("throws the signal's reason when aborted", async () => {
    const abort = new AbortController();
    const deps = {
      sources: async () => [scripted("a", ["hang"])],
      probe: async () => {},
      clock: new JumpClock(),
      random: { fraction: () => 0, hex: () => "" },
      log: silentLog,
    };
    const feed = followEvents(deps, isNews, abort.signal);
    assert.deepEqual(await feed.next(), { done: false, value: { kind: "resync" } });
    const next = feed.next();
    abort.abort(new Error("over"));
    await assert.rejects(next, /over/);
  });
});

describe("settled()", () => {
  const { signal } = new AbortController();
  it("passes everything but stops on at once, and a stop when the runtime agrees", async () => {
    let looks = 0;
    const source = scripted("a", [STOPPED, { kind: "started", id: "c2" }, STOPPED, "hang"]);
    const items: string[] = [];
    const stop = new AbortController();
    const events = settled(
      source.open(isNews, stop.signal),
      { agrees: async () => ++looks >= 3, isNews },
      new JumpClock(),
      signal,
    );
    for await (const { kind, id } of events) if (items.push(`${kind} ${id}`) === 2) break;
    stop.abort();
    assert.deepEqual(items, ["started c2", "stopped c1"]);
    assert.equal(looks, 3);
  });
  it("tells of an exit at once, and that it is a stop when the runtime agrees", async () => {
    const exit = { kind: "exited", id: "c1", exitCode: 1, finishedAt: 7, reason: "Error" } as const;
    const agreed = Promise.withResolvers<boolean>();
    const stop = new AbortController();
    async function* source(): AsyncGenerator<ContainerExit> {
      yield exit;
      await new Promise(() => {});
    }
    const events = settled(source(), { agrees: () => agreed.promise, isNews }, new JumpClock(), stop.signal);
    assert.deepEqual((await events.next()).value, exit);
    const next = events.next();
    agreed.resolve(true);
    assert.deepEqual((await next).value, STOPPED);
    stop.abort();
  });
  it("tells a stop after 3 s even if the runtime never agrees", async () => {
    const clock = new JumpClock();
    const stop = new AbortController();
    const source = scripted("a", [STOPPED, "hang"]);
    const events = settled(source.open(isNews, stop.signal), { agrees: async () => false, isNews }, clock, signal);
    assert.deepEqual((await events.next()).value, STOPPED);
    await events.return();
    stop.abort();
    assert.ok(clock.monotonic() >= 3000);
  });
  it("looks again soon once the task is deleted", async () => {
    const clock = new JumpClock();
    let looks = 0;
    async function* source(): AsyncGenerator<RuntimeEvent | TaskDeleted> {
      yield STOPPED;
      while (looks < 2) await new Promise((resolve) => setImmediate(resolve));
      yield { kind: "task deleted", id: "c1" };
      await new Promise(() => {});
    }
    const events = settled(source(), { agrees: async () => ++looks >= 5, isNews }, clock, signal);
    assert.deepEqual((await events.next()).value, STOPPED);
    assert.equal(looks, 5);
    const soon = clock.slept.filter((span) => span < 100);
    assert.deepEqual(soon, [60], `pauses: ${clock.slept}`);
  });
  it("asks and tells nobody of a stop that is known already", async () => {
    const known = new Set<string>();
    const asked: string[] = [];
    const stop = new AbortController();
    const agreement = {
      agrees: async (id: string) => asked.push(id) > 0,
      isNews: (id: string) => !known.has(id),
    };
    known.add("c1");
    const source = scripted("a", [STOPPED, { kind: "stopped", id: "c2" }, "hang"]);
    const events = settled(source.open(isNews, stop.signal), agreement, new JumpClock(), stop.signal);
    assert.deepEqual((await events.next()).value, { kind: "stopped", id: "c2" });
    stop.abort();
    assert.deepEqual(asked, ["c2"]);
  });
  it("ends with its source's error", async () => {
    const events = settled(
      scripted("a", [new Error("broken")]).open(isNews, signal),
      { agrees: async () => true, isNews },
      new JumpClock(),
      signal,
    );
    await assert.rejects(events.next(), /broken/);
  });
});
