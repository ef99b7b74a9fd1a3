import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../base/log.ts";
import { seconds } from "../base/units.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { NodeUsage, type UsageDeps } from "./usage.ts";

/** Why there is no summary of a node whose runtime fails to tell of images and of containers, each after its time. */
async function reasonOf(imagesAt: number, containersAt: number): Promise<string> {
  const time = new VirtualTime();
  const { signal } = new AbortController();
  const clock = time.clock(signal);
  const fail = async (at: number, text: string): Promise<never> => {
    await clock.sleep(seconds(at), signal);
    throw new Error(text);
  };
  const usage = new NodeUsage({
    nodeName: "n",
    rootDir: "/r",
    startedAt: 0,
    clock,
    log: silentLog,
    files: {
      bootedAt: async () => 0,
      ownCgroup: async () => "/",
      cgroup: async () => undefined,
      nodeInterfaces: async () => [],
      interfacesIn: async () => undefined,
    },
    facts: {
      machine: async () => ({ memoryBytes: 1, swapBytes: 0, hugepages: new Map() }),
      space: async () => undefined,
      tasks: async () => undefined,
    } as unknown as UsageDeps["facts"],
    runtime: () => ({ containerStats: () => fail(containersAt, "no containers") }),
    images: () => ({ imageFilesystems: () => fail(imagesAt, "no images") }),
    snapshots: () => [],
    podPlace: () => undefined,
    podsCgroup: "",
  });
  const done = usage.summary(false, signal).catch((error: Error) => error.message);
  await time.runUntil(10_000, () => {});
  return done;
}

test("summary() gives the same reason when two readings fail, whichever fails first", async () => {
  assert.deepEqual([await reasonOf(1, 2), await reasonOf(2, 1)], ["no images", "no images"]);
});
