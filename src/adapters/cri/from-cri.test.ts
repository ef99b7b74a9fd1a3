import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isFault } from "../../base/fault.ts";
import { fromContainerStatus, fromSandboxStatus, fromStats } from "./from-cri.ts";
import { runtime } from "./generated/cri.js";

const ATTEMPT = { call: "ContainerStatus", action: "read status of container c1" };
const CONTAINER = {
  id: "c1",
  metadata: { name: "web", attempt: 2 },
  state: 2,
  createdAt: 1_795_544_652_077_000_000,
  startedAt: 1_795_544_652_177_000_000,
  exitCode: 137,
  image: { image: "i" },
  imageRef: "i@sha256:0",
  resources: { linux: { cpuShares: 2, memoryLimitInBytes: 2 ** 40 } },
};
const SANDBOX = {
  id: "s1",
  metadata: { name: "p", namespace: "d", uid: "u" },
  createdAt: 1e18,
  network: { ip: "10.0.0.1", additionalIps: [{ ip: "fd00::1" }, { ip: "" }] },
};

/** Through the wire, as a real answer comes. */
const overWire = <T>(type: { encode(m: T): { finish(): Uint8Array }; decode(d: Uint8Array): T }, message: T): T =>
  type.decode(type.encode(message).finish());

describe("fromContainerStatus()", () => {
  it("reads times in milliseconds, 0 as undefined, 64-bit numbers as numbers", () => {
    const status = fromContainerStatus(
      overWire<runtime.v1.ContainerStatus.$Properties>(runtime.v1.ContainerStatus, CONTAINER),
      ATTEMPT,
    );
    assert.equal(status.createdAt, 1_795_544_652_077);
    assert.equal(status.startedAt, 1_795_544_652_177);
    assert.equal(status.finishedAt, undefined);
    assert.equal(status.exitCode, 137);
    assert.deepEqual(status.resources, { cpuShares: 2, memoryLimitBytes: 2 ** 40 });
  });
  it("reads Go's zero time as undefined", () => {
    assert.equal(
      fromContainerStatus({ ...CONTAINER, finishedAt: -6.795364578871345e18 }, ATTEMPT).finishedAt,
      undefined,
    );
  });
  it("reads a state from the future as unknown", () => {
    assert.equal(
      fromContainerStatus({ ...CONTAINER, state: 12 as runtime.v1.ContainerState }, ATTEMPT).state,
      "unknown",
    );
  });
  for (const [name, change] of [
    ["id", { id: "" }],
    ["metadata.name", { metadata: {} }],
    ["created_at", { createdAt: 0 }],
    ["image.image", { image: null }],
    ["image_ref", { imageRef: "" }],
  ] as const) {
    it(`refuses an answer without ${name}`, () =>
      assert.throws(
        () => fromContainerStatus({ ...CONTAINER, ...change }, ATTEMPT),
        (error) => isFault(error, "runtime-refused") && error.message.endsWith(`answered no ${name}`),
      ));
  }
});

describe("fromSandboxStatus()", () => {
  it("gives all addresses, the main one first", () => {
    assert.deepEqual(fromSandboxStatus(SANDBOX, ATTEMPT).ips, ["10.0.0.1", "fd00::1"]);
  });
  it("refuses an answer without status, and one without uid", () => {
    assert.throws(() => fromSandboxStatus(null, ATTEMPT), /answered no status/);
    assert.throws(
      () => fromSandboxStatus({ ...SANDBOX, metadata: { name: "p", namespace: "d" } }, ATTEMPT),
      /no metadata.uid/,
    );
  });
});

describe("fromStats", () => {
  const left = (value: number) =>
    fromStats(
      { attributes: { id: "c" }, memory: { timestamp: 1, workingSetBytes: { value: 5 }, availableBytes: { value } } },
      { action: "list statistics", call: "ListContainerStats" },
    ).memory?.availableBytes;

  it("takes what is left of a limit, and containerd's 0 for there being none", () =>
    assert.deepEqual([left(7), left(0)], [7, undefined]));

  it("has nothing left where more is used than a limit that was lowered", () => assert.equal(left(2 ** 64 - 4096), 0));
});
