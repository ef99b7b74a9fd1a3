import assert from "node:assert/strict";
import { test } from "node:test";
import type { SandboxState, SandboxStatus } from "../model/runtime.ts";
import { readPod } from "./read-pod.ts";

const sandbox = (state: SandboxState, ips: readonly string[]): SandboxStatus => ({
  id: "s",
  metadata: { name: "p", namespace: "default", uid: "u", attempt: 0 },
  state,
  createdAt: 1,
  labels: {},
  annotations: {},
  runtimeHandler: "",
  ips,
  network: "pod",
});

const OLD = ["192.0.2.1"];
const NEW = ["192.0.2.2"];

for (const { name, before, now, afresh, shows } of [
  { name: "takes over one that was ready and still is", before: "ready", now: "ready", afresh: [], shows: OLD },
  { name: "asks for one of which there is news", before: "ready", now: "ready", afresh: ["s"], shows: NEW },
  { name: "asks for one that is not ready any more", before: "ready", now: "not-ready", afresh: [], shows: NEW },
  { name: "asks for one that was not ready", before: "not-ready", now: "ready", afresh: [], shows: NEW },
  { name: "asks for one that was not seen yet", before: undefined, now: "ready", afresh: [], shows: NEW },
] as const) {
  test(`readPod(), of a sandbox, ${name}`, async () => {
    const previous = before && {
      ...{ uid: "u", name: "p", namespace: "default", containers: [] },
      sandboxes: [sandbox(before, OLD)],
    };
    const runtime = {
      sandboxStatus: async () => sandbox(now, NEW),
      containerStatus: () => assert.fail("there is no container"),
    };
    const listing = { sandboxes: [sandbox(now, [])], containers: [] };
    const seen = await readPod(listing, previous, new Set(afresh), runtime, new AbortController().signal);
    assert.deepEqual(seen?.sandboxes[0]?.ips, shows);
  });
}
