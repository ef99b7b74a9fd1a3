import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffCurve } from "../base/backoff.ts";
import { KubeletError } from "../base/fault.ts";
import { seconds } from "../base/units.ts";
import type { ContainerStatus } from "../model/runtime.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { Memory } from "./memory.ts";
import type { Stop } from "./step.ts";
import { stopContainers } from "./stop.ts";

const life = new AbortController().signal;
const clock = new VirtualTime().clock(life);
const memoryOf = () => new Memory(clock, backoffCurve(seconds(10), seconds(300), seconds(600)));
const stopOf = (id: string, more: Partial<Stop> = {}): Stop => ({
  id,
  name: "web",
  grace: seconds(5),
  message: "",
  restart: false,
  after: [],
  ...more,
});

test("stopContainers() waits for both of two instances of one name, and throws the error of either", async () => {
  const stopped: string[] = [];
  const runtime = {
    stopContainer: async (id: string) => {
      stopped.push(id);
      if (id === "old") throw new KubeletError("Cannot stop old", { code: "runtime-timeout", call: "StopContainer" });
    },
    containerStatus: () => Promise.reject(new TypeError("Only what is to restart is asked for")),
  };
  const stops = [stopOf("old"), stopOf("new"), stopOf("proxy", { name: "proxy", after: ["web"] })];
  const stopping = stopContainers(stops, undefined, memoryOf(), { runtime, clock, events: { record() {} } }, life);
  await assert.rejects(stopping, /Cannot stop old/);
  assert.deepEqual(stopped, ["old", "new", "proxy"]);
});

test("Memory.keepOnly() forgets stopped containers that are gone, not those that are still there", () => {
  const memory = memoryOf();
  memory.stopToRestart("there");
  memory.stopToRestart("gone");
  const there = { id: "there" } as ContainerStatus & { readonly sandboxId: string };
  memory.keepOnly({ uid: "u", name: "p", namespace: "default", sandboxes: [], containers: [there] });
  assert.deepEqual([...memory.restarting], ["there"]);
});
