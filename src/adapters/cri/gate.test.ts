import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { instant, type Millis } from "../../base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import { Gate } from "./gate.ts";
import { startingLimit } from "./limit.ts";

/** Time stands still until `pass` moves it. */
class HandClock implements Clock {
  #now = 0;
  readonly #sleepers: { readonly end: number; readonly wake: () => void }[] = [];
  monotonic = () => instant(this.#now);
  wall = () => new Date(this.#now);
  sleep(span: Millis, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => reject(signal.reason));
    this.#sleepers.push({ end: this.#now + span, wake: resolve });
    return promise;
  }
  async pass(span: number): Promise<void> {
    this.#now += span;
    for (const { end, wake } of this.#sleepers) if (end <= this.#now) wake();
    await turn();
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const { signal } = new AbortController();

describe("Gate", () => {
  it("lets as many in as the limit says, the others in order of arrival", async () => {
    const gate = new Gate(startingLimit(1), new HandClock());
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    const calls = [0, 1, 2, 3, 4, 5].map((index) =>
      gate.pass(
        "x",
        () => {
          begun.push(index);
          return new Promise<void>((resolve) => ends.push(resolve));
        },
        signal,
      ),
    );
    await turn();
    assert.deepEqual(begun, [0, 1, 2, 3]);
    assert.equal(gate.load.waiting, 2);
    ends[1]?.();
    await turn();
    assert.deepEqual(begun, [0, 1, 2, 3, 4]);
    for (let left = 0; left < 6; left++) {
      for (const end of ends) end();
      await turn();
    }
    await Promise.all(calls);
    assert.deepEqual(gate.load.inFlight, 0);
  });

  it("gives the place of a call that hangs to the next one", async () => {
    const clock = new HandClock();
    const gate = new Gate(startingLimit(1), clock);
    for (let call = 0; call < 4; call++) void gate.pass("x", () => new Promise(() => {}), signal);
    let served = false;
    const fifth = gate.pass(
      "x",
      async () => {
        served = true;
      },
      signal,
    );
    await turn();
    assert.equal(served, false);
    await clock.pass(10_000);
    await fifth;
    assert.equal(served, true);
  });

  it("lets removals in after all others, on half of the places, and after 5 s in their turn", async () => {
    const clock = new HandClock();
    const gate = new Gate(startingLimit(1), clock);
    const begun: string[] = [];
    const ends = new Map<string, () => void>();
    const call = (name: string, rank: "first" | "last") => {
      const work = () => {
        begun.push(name);
        return new Promise<void>((resolve) => ends.set(name, resolve));
      };
      return gate.pass(rank, work, signal, rank);
    };
    const end = async (name: string) => {
      ends.get(name)?.();
      await turn();
    };
    const all = [...["r1", "r2", "r3"].map((name) => call(name, "last")), call("a", "first"), call("b", "first")];
    await turn();
    assert.deepEqual(begun, ["r1", "r2", "a", "b"], "half of four places");
    all.push(call("c", "first"), call("d", "first"));
    await end("r1");
    await end("r2");
    assert.deepEqual(begun.slice(4), ["c", "d"]);
    all.push(call("e", "first"));
    await end("a");
    await end("b");
    assert.deepEqual(begun.slice(6), ["e", "r3"], "nobody else waits");
    all.push(call("r4", "last"), call("f", "first"), call("r5", "last"));
    await clock.pass(5_000);
    all.push(call("g", "first"));
    for (const name of ["c", "d", "e", "r3", "f", "r4", "r5", "g"]) await end(name);
    await Promise.all(all);
    assert.deepEqual(begun.slice(8), ["f", "r4", "r5", "g"], "overdue");
    assert.deepEqual(gate.load.inFlight, 0);
  });

  it("lets a waiting call give up, and keeps its failure from the others", async () => {
    const gate = new Gate(startingLimit(1), new HandClock());
    const ends: ((error: Error) => void)[] = [];
    const hung = Array.from({ length: 4 }, () =>
      gate.pass("x", () => new Promise((_, reject) => ends.push(reject)), signal),
    );
    const abort = new AbortController();
    const waiting = gate.pass("x", async () => "never", abort.signal);
    await turn();
    abort.abort(new Error("given up"));
    await assert.rejects(waiting, /given up/);
    for (const end of ends) end(new Error("refused"));
    for (const call of hung) await assert.rejects(call, /refused/);
    assert.deepEqual(gate.load, { limit: 4, inFlight: 0, waiting: 0 });
    assert.equal(await gate.pass("x", async () => "in", signal), "in");
  });
});
