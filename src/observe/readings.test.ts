import assert from "node:assert/strict";
import { test } from "node:test";
import { Readings } from "./readings.ts";

/** A reading that ends when told to. */
function slow(log: string[], name: string) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const read = async () => {
    log.push(`${name} begins`);
    await promise.finally(() => log.push(`${name} ends`));
  };
  return { read, end: resolve, fail: reject };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("Readings of one pod never overlap, those of two pods do", async () => {
  const log: string[] = [];
  const readings = new Readings();
  const [first, second, other] = [slow(log, "first"), slow(log, "second"), slow(log, "other")];
  const all = [readings.add("a", first.read), readings.add("a", second.read), readings.add("b", other.read)];
  await settled();
  assert.deepEqual(log, ["first begins", "other begins"]);
  other.end();
  first.end();
  await settled();
  assert.ok(log.indexOf("second begins") > log.indexOf("first ends"));
  second.end();
  await Promise.all(all);
  assert.equal(readings.size, 0);
});

test("Readings.share() joins one that has not begun, never one that has: its answer may be too old", async () => {
  const log: string[] = [];
  const readings = new Readings();
  const [running, waiting, third] = [slow(log, "running"), slow(log, "waiting"), slow(log, "third")];
  const one = readings.share("a", running.read);
  const two = readings.share("a", waiting.read);
  assert.equal(readings.share("a", third.read), two);
  running.end();
  await one;
  await settled();
  const late = readings.share("a", third.read);
  assert.notEqual(late, two);
  waiting.end();
  third.end();
  await late;
  assert.deepEqual(log, [
    "running begins",
    "running ends",
    "waiting begins",
    "waiting ends",
    "third begins",
    "third ends",
  ]);
});

test("Readings go on after one that failed, and whoever asked for it is told", async () => {
  const log: string[] = [];
  const readings = new Readings();
  const [broken, next] = [slow(log, "broken"), slow(log, "next")];
  const failed = readings.add("a", broken.read);
  const fine = readings.add("a", next.read);
  broken.fail(new Error("no answer"));
  next.end();
  await assert.rejects(failed, /no answer/);
  await fine;
  assert.equal(readings.size, 0);
});
