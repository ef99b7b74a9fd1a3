import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../base/log.ts";
import { seconds } from "../base/units.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { NodeUsage, type UsageDeps } from "./usage.ts";

/** A node without pods; of its cgroups, only `cgroup` tells what it uses. */
const quietNode = {
  nodeName: "n",
  rootDir: "/r",
  startedAt: 0,
  log: silentLog,
  facts: {
    machine: async () => ({ memoryBytes: 1, swapBytes: 0, hugepages: new Map() }),
    space: async () => undefined,
    tasks: async () => undefined,
  } as unknown as UsageDeps["facts"],
  snapshots: () => [],
  podPlace: () => undefined,
};

const filesWith = (cgroup: UsageDeps["files"]["cgroup"]): UsageDeps["files"] => ({
  bootedAt: async () => 0,
  ownCgroup: async () => "/",
  cgroup,
  nodeInterfaces: async () => [],
  interfacesIn: async () => undefined,
});

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
    ...quietNode,
    clock,
    files: filesWith(async () => undefined),
    runtime: () => ({ containerStats: () => fail(containersAt, "no containers") }),
    images: () => ({ imageFilesystems: () => fail(imagesAt, "no images") }),
    podsCgroup: () => "",
  });
  const done = usage.summary(false, signal).catch((error: Error) => error.message);
  await time.runUntil(10_000, () => {});
  return done;
}

test("summary() gives the same reason when two readings fail, whichever fails first", async () => {
  assert.deepEqual([await reasonOf(1, 2), await reasonOf(2, 1)], ["no images", "no images"]);
});

test("summary() tells of all pods also where it was asked before the runtime had said how it names cgroups", async () => {
  const { signal } = new AbortController();
  let podsCgroup = "/kubepods";
  const used = { at: 0, cpuNanos: 1, memory: undefined, swap: undefined, processes: undefined };
  const usage = new NodeUsage({
    ...quietNode,
    clock: new VirtualTime().clock(signal),
    files: filesWith(async (path) => (path === "/kubepods.slice" ? used : undefined)),
    runtime: () => undefined,
    images: () => undefined,
    podsCgroup: () => podsCgroup,
  });
  const names = async (): Promise<readonly string[]> => {
    const { node } = JSON.parse(await usage.summary(true, signal));
    return (node.systemContainers ?? []).map(({ name }: { readonly name: string }) => name);
  };
  assert.deepEqual(await names(), []);
  podsCgroup = "/kubepods.slice";
  assert.deepEqual(await names(), ["pods"]);
});
