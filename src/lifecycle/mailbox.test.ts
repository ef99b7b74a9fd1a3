import assert from "node:assert/strict";
import { test } from "node:test";
import { instant, seconds } from "../base/units.ts";
import type { Pod } from "../model/kubernetes.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import type { PodIntent } from "./intent.ts";
import { isHurry, Mailbox } from "./mailbox.ts";

const pod: Pod = { metadata: { name: "p", namespace: "default", uid: "u" }, spec: { containers: [] } };
const run: PodIntent = { goal: "run", uid: "u", pod };
const newer: PodIntent = { goal: "run", uid: "u", pod: { ...pod, metadata: { ...pod.metadata, labels: { a: "b" } } } };
const stopIn = (grace: number, keep = false): PodIntent => ({
  goal: "stop",
  uid: "u",
  pod,
  grace: seconds(grace),
  keep,
});

const offers: readonly {
  readonly name: string;
  readonly held: PodIntent;
  readonly offered: PodIntent;
  readonly taken: boolean;
}[] = [
  { name: "a newer spec replaces the older", held: run, offered: newer, taken: true },
  { name: "a stop ends a run", held: run, offered: stopIn(30), taken: true },
  { name: "a run does not take a stop back", held: stopIn(30), offered: run, taken: false },
  { name: "a shorter grace shortens a stop", held: stopIn(30), offered: stopIn(5), taken: true },
  { name: "a longer grace does not lengthen it", held: stopIn(5), offered: stopIn(30), taken: false },
  { name: "what the API server has let go need not be kept", held: stopIn(5, true), offered: stopIn(5), taken: true },
  { name: "what was let go is not kept again", held: stopIn(5), offered: stopIn(5, true), taken: false },
];
for (const { name, held, offered, taken } of offers) {
  test(`Mailbox.offer(): ${name}`, () => {
    const mailbox = new Mailbox(held);
    mailbox.offer(offered);
    assert.deepEqual(mailbox.intent, taken ? offered : held);
    assert.equal(mailbox.stopping.aborted, mailbox.intent.goal === "stop");
  });
}

test("Mailbox.offer() lets go of a pod without lengthening its grace, and takes its newest spec", () => {
  const mailbox = new Mailbox(stopIn(5, true));
  mailbox.offer({ ...stopIn(30), pod: newer.pod });
  assert.deepEqual(mailbox.intent, { ...stopIn(5), pod: newer.pod });
});

test("Mailbox.stopWithin() ends a stop that gives more time than there is now, and no other", async () => {
  const { signal } = new AbortController();
  const mailbox = new Mailbox(stopIn(30, true));
  const until = (grace: number) =>
    mailbox.stopWithin(
      seconds(grace),
      signal,
      (hurry) =>
        new Promise<never>((_, reject) => {
          hurry.addEventListener("abort", () => reject(hurry.reason));
        }),
    );
  const [long, short] = [until(30), until(3)];
  const states: string[] = [];
  long.catch((error) => states.push(`long ${isHurry(error)}`));
  short.catch((error) => states.push(`short ${isHurry(error)}`));
  mailbox.offer(stopIn(30));
  mailbox.offer(stopIn(10));
  await new Promise(setImmediate);
  assert.deepEqual(states, ["long true"]);
  mailbox.offer(stopIn(1));
  await assert.rejects(short);
  assert.equal(isHurry(new Error("The pod is to stop sooner")), false);
});

/** When the rest ends, in virtual ms; undefined: not within a minute. */
async function restOf(mailbox: Mailbox, wakeAt: number | undefined, meanwhile: (time: VirtualTime) => void = () => {}) {
  const time = new VirtualTime();
  const life = new AbortController();
  let end: number | undefined;
  const resting = mailbox.rest(
    time.clock(life.signal),
    wakeAt === undefined ? undefined : instant(wakeAt),
    life.signal,
  );
  resting.then(
    () => {
      end = time.now();
    },
    () => {},
  );
  meanwhile(time);
  await time.runUntil(60_000, () => {});
  life.abort();
  return end;
}

test("Mailbox.rest() lasts until its time, a ring, or an intent that is taken", async () => {
  assert.equal(await restOf(new Mailbox(run), 5_000), 5_000);
  assert.equal(await restOf(new Mailbox(run), undefined), undefined);
  const rung = new Mailbox(run);
  assert.equal(await restOf(rung, 5_000, (time) => time.at(700, () => rung.ring())), 700);
  const offered = new Mailbox(run);
  assert.equal(await restOf(offered, undefined, (time) => time.at(700, () => offered.offer(stopIn(1)))), 700);
  const refused = new Mailbox(stopIn(1));
  assert.equal(await restOf(refused, undefined, (time) => time.at(700, () => refused.offer(run))), undefined);
});

test("Mailbox.rest() does not miss a ring that came before, and takes it once", async () => {
  const mailbox = new Mailbox(run);
  mailbox.ring();
  mailbox.ring();
  assert.equal(await restOf(mailbox, 5_000), 0);
  assert.equal(await restOf(mailbox, 5_000), 5_000);
});

test("Mailbox.rest() ends with the reason of the abort", async () => {
  const life = new AbortController();
  const clock = new VirtualTime().clock(life.signal);
  for (const wakeAt of [undefined, instant(1_000)]) {
    const resting = new Mailbox(run).rest(clock, wakeAt, life.signal);
    life.abort(new Error("shut down"));
    await assert.rejects(resting, /shut down/);
  }
});

test("Mailbox.end() ends what runs, in the shortest time that anybody gave", () => {
  const ending = (reason: string, grace: number) => ({ reason, message: "", grace: seconds(grace) });
  const mailbox = new Mailbox(run);
  mailbox.end(ending("Evicted", 5));
  assert.equal(mailbox.stopping.aborted, true);
  assert.equal(mailbox.intent, run);
  mailbox.end(ending("Terminated", 10));
  assert.deepEqual(mailbox.ending, ending("Terminated", 5));
  mailbox.offer(stopIn(30));
  assert.deepEqual(mailbox.intent, stopIn(5));
  mailbox.end(ending("Terminated", 2));
  assert.deepEqual(mailbox.intent, stopIn(2));
});

test("Mailbox.end() hurries a stop that gives more time", async () => {
  const mailbox = new Mailbox(stopIn(30));
  const stop = mailbox.stopWithin(seconds(30), new AbortController().signal, async (hurry) => {
    mailbox.end({ reason: "Terminated", message: "", grace: seconds(3) });
    hurry.throwIfAborted();
  });
  await assert.rejects(stop, isHurry);
});
