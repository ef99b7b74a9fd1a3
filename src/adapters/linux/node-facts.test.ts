import assert from "node:assert/strict";
import { statfsSync } from "node:fs";
import { totalmem } from "node:os";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { createClock } from "./clock.ts";
import { detectHost } from "./host.ts";
import { createNodeFacts } from "./node-facts.ts";

const host = detectHost();
const facts = createNodeFacts(host.cgroupVersion, createClock());
const { signal } = new AbortController();

test("machine() says what this machine is", async () => {
  const machine = await facts.machine();
  assert.equal(machine.memoryBytes, totalmem());
  assert.equal(machine.bootId, host.bootId);
  assert.equal(machine.kernelVersion, host.kernel);
  assert.ok(machine.cpus >= 1 && machine.osImage !== "");
});

test("space() says what statfs says, and refuses a path that is not there", async () => {
  const space = await facts.space("/", signal);
  const { blocks, bfree, bsize, files } = statfsSync("/");
  assert.equal(space.capacityBytes, blocks * bsize);
  assert.equal(space.inodes, files);
  // Others write meanwhile; what is kept for root is far more, where there is any.
  assert.ok(Math.abs(space.usedBytes - (blocks - bfree) * bsize) < 2 ** 26);
  assert.ok(space.availableBytes > 0 && space.availableBytes < space.capacityBytes);
  await assert.rejects(facts.space("/no/such/place", signal), (error) => isFault(error, "file-failed"));
  await assert.rejects(facts.space("/", AbortSignal.abort(new Error("stop"))), /stop/);
});

test("memoryWorkingSet() and tasks() are plausible", async () => {
  const used = await facts.memoryWorkingSet();
  assert.ok(used > 10e6 && used < totalmem(), `${used}`);
  const { max, current } = await facts.tasks();
  assert.ok(current > 1 && current < max, `${current} of ${max}`);
});

test("interfaces() has loopback, lookup() never fails", async () => {
  assert.ok(facts.interfaces().some(({ address, loopback }) => address === "127.0.0.1" && loopback));
  assert.ok(Array.isArray(await facts.defaultRoutes()));
  assert.ok((await facts.lookup("localhost", signal)).length > 0);
  assert.deepEqual(await facts.lookup("no-such-host.invalid", signal), []);
});
