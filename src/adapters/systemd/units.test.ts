import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { queryObjects } from "node:v8";
import { FakeBus, FakeSystemd } from "../../../test/support/fake-bus.ts";
import { createClock } from "../linux/clock.ts";
import { openUnits } from "./index.ts";

async function started() {
  const folder = mkdtempSync(join(tmpdir(), "kubelet-ts-units-"));
  const bus = await FakeBus.open(join(folder, "bus"));
  const life = new AbortController();
  return {
    bus,
    systemd: new FakeSystemd(bus),
    units: openUnits({ places: [{ path: bus.path, kind: "peer" }], clock: createClock() }, life.signal),
    async [Symbol.asyncDispose]() {
      life.abort(new Error("the test is over"));
      await bus[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

/** That can still be reached. */
const promises = () => queryObjects(Promise as never, { format: "count" }) as unknown as number;

test("jobs leave nothing behind on a connection that lasts for months", async () => {
  await using made = await started();
  const work = async (times: number) => {
    for (let time = 0; time < times; time++) {
      await made.units.startSlice("a.slice", "-.slice");
      await made.units.stop("a.slice");
    }
    await turn();
  };
  await work(20);
  const before = promises();
  await work(200);
  const grown = promises() - before;
  assert.ok(grown < 100, `${grown} promises more after 400 jobs`);
});

test("a job whose connection is cut is asked for again at once", async () => {
  await using made = await started();
  const { bus, systemd, units } = made;
  systemd.losesSignals = true;
  const began = performance.now();
  let cut = false;
  bus.answer = (call) => {
    if (!cut && call.member === "StartTransientUnit") {
      cut = true;
      setTimeout(() => {
        systemd.losesSignals = false;
        bus.drop();
      }, 20);
    }
    return systemd.answer(call);
  };
  await units.startSlice("a.slice", "-.slice");
  assert.ok(cut);
  assert.ok(performance.now() - began < 1500, "before anybody looks whether the job is done");
});
