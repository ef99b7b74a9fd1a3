import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../base/fault.ts";
import type { Cgroups } from "./cgroups.ts";

export interface CgroupsUnderTest extends AsyncDisposable {
  readonly cgroups: Cgroups;
  /** A path of this test alone, not there yet. What is left below is removed when the test ends. */
  readonly path: string;
  /** Starts a process that sleeps in the cgroup `path`, in every hierarchy; undefined where there are no processes (simulated). */
  readonly spawn: ((path: string) => Promise<number>) | undefined;
}

/** What every Cgroups must do. */
export function cgroupsContract(name: string, make: () => Promise<CgroupsUnderTest>): void {
  const it = (what: string, run: (made: CgroupsUnderTest) => Promise<void>) =>
    test(`${name}: ${what}`, async () => {
      await using made = await make();
      await run(made);
    });

  it("makes a deep cgroup, twice, and removes its tree, twice", async ({ cgroups, path }) => {
    assert.equal(await cgroups.exists(path), false);
    assert.notEqual((await cgroups.missingFrom(path)).length, 0);
    await cgroups.create(`${path}/burstable/pod1`);
    await cgroups.create(`${path}/burstable/pod1`);
    await cgroups.create(`${path}/besteffort`);
    assert.equal(await cgroups.exists(path), true);
    assert.deepEqual(await cgroups.missingFrom(path), []);
    assert.equal(await cgroups.exists(`${path}/burstable/pod1`), true);
    assert.deepEqual(await cgroups.children(path), ["besteffort", "burstable"]);
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

  it("refuses a path that leaves the tree, and values for a cgroup that is not there", async ({ cgroups, path }) => {
    const failed = (error: unknown) => isFault(error, "file-failed");
    await assert.rejects(cgroups.create(`${path}/../../elsewhere`), failed);
    await assert.rejects(cgroups.destroy("/"), failed);
    await assert.rejects(cgroups.destroy("kubepods"), failed);
    await assert.rejects(cgroups.write(`${path}/absent`, { cpuShares: 2, pidsLimit: 5 }), failed);
  });

  it("kills what is left in it", async ({ cgroups, path, spawn }) => {
    if (spawn === undefined) return;
    await cgroups.create(`${path}/pod/container`);
    const pids = [await spawn(`${path}/pod/container`), await spawn(`${path}/pod`)];
    const found = await cgroups.processes(path);
    assert.deepEqual(
      found,
      [...pids].sort((a, b) => a - b),
    );
    await cgroups.destroy(path);
    assert.equal(await cgroups.exists(path), false);
  });
}
