import assert from "node:assert/strict";
import { basename } from "node:path";
import { test } from "node:test";
import { isFault } from "../base/fault.ts";
import type { Cgroups } from "./cgroups.ts";

export interface CgroupsUnderTest extends AsyncDisposable {
  readonly cgroups: Cgroups;
  /** A path of this test alone, not there yet. What is left below is removed when the test ends. */
  readonly path: string;
  /** The cgroup of these levels below `path`, in the driver's names. Default: "path/level/level". */
  readonly below?: (...levels: readonly string[]) => string;
  /** Starts a process that sleeps in the cgroup `path`, in every hierarchy; undefined where there are no processes (simulated). */
  readonly spawn: ((path: string) => Promise<number>) | undefined;
}

const plain =
  (path: string) =>
  (...levels: readonly string[]): string =>
    [path, ...levels].join("/");

/** What every Cgroups must do. */
export function cgroupsContract(name: string, make: () => Promise<CgroupsUnderTest>): void {
  const it = (what: string, run: (made: CgroupsUnderTest) => Promise<void>) =>
    test(`${name}: ${what}`, async () => {
      await using made = await make();
      await run(made);
    });

  it("makes a deep cgroup, twice, and removes its tree, twice", async ({ cgroups, path, below = plain(path) }) => {
    assert.equal(await cgroups.exists(path), false);
    assert.notEqual((await cgroups.missingFrom(path)).length, 0);
    await cgroups.create(below("burstable", "pod1"));
    await cgroups.create(below("burstable", "pod1"));
    await cgroups.create(below("besteffort"));
    assert.equal(await cgroups.exists(path), true);
    assert.deepEqual(await cgroups.missingFrom(path), []);
    assert.equal(await cgroups.exists(below("burstable", "pod1")), true);
    const [first, second] = [below("besteffort"), below("burstable")].map((each) => basename(each));
    assert.deepEqual(await cgroups.children(path), [first, second]);
    await cgroups.destroy(path);
    await cgroups.destroy(path);
    assert.equal(await cgroups.exists(path), false);
    assert.deepEqual(await cgroups.children(path), []);
    assert.deepEqual(await cgroups.processes(path), []);
  });

  it("takes values", async ({ cgroups, path }) => {
    await cgroups.create(path);
    await cgroups.write(path, {});
    await cgroups.write(path, { cpuShares: 2, hugepageLimits: { "2MB": 2 ** 62 } });
    await cgroups.write(path, {
      cpuShares: 512,
      cpuQuota: 20000,
      cpuPeriod: 100000,
      memoryLimitBytes: 64 << 20,
      pidsLimit: 100,
    });
    await cgroups.write(path, { cpuQuota: -1 });
  });

  it("refuses a path that leaves the tree, and values for a cgroup that is not there", async ({
    cgroups,
    path,
    below = plain(path),
  }) => {
    const failed = (error: unknown) => isFault(error, "file-failed");
    await assert.rejects(cgroups.create(`${path}/../../elsewhere`), failed);
    await assert.rejects(cgroups.destroy("/"), failed);
    await assert.rejects(cgroups.destroy("kubepods"), failed);
    await assert.rejects(cgroups.write(below("absent"), { cpuShares: 2, pidsLimit: 5 }), failed);
  });

  it("kills what is left in it", async ({ cgroups, path, spawn, below = plain(path) }) => {
    if (spawn === undefined) return;
    await cgroups.create(below("pod", "container"));
    const pids = [await spawn(below("pod", "container")), await spawn(below("pod"))];
    const found = await cgroups.processes(path);
    assert.deepEqual(
      found,
      [...pids].sort((a, b) => a - b),
    );
    await cgroups.destroy(path);
    assert.equal(await cgroups.exists(path), false);
  });
}
