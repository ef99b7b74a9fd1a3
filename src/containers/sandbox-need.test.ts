import assert from "node:assert/strict";
import { test } from "node:test";
import type { PodSnapshot, SandboxStatus } from "../model/runtime.ts";
import { type SandboxNeed, sandboxNeed } from "./sandbox-need.ts";

const pod = { metadata: { name: "web", uid: "u1" }, spec: { containers: [] } };
const hostPod = { ...pod, spec: { containers: [], hostNetwork: true } };

function sandbox(overrides: Partial<SandboxStatus>, attempt = 0): SandboxStatus {
  return {
    id: `s${attempt}`,
    metadata: { name: "web", namespace: "default", uid: "u1", attempt },
    state: "ready",
    createdAt: attempt,
    labels: {},
    annotations: {},
    runtimeHandler: "",
    ips: ["10.0.0.5"],
    network: "pod",
    ...overrides,
  };
}
const seen = (...sandboxes: SandboxStatus[]): PodSnapshot => ({
  uid: "u1",
  name: "web",
  namespace: "default",
  sandboxes,
  containers: [],
});
const need = (attempt: number, reason: string): SandboxNeed => ({ needed: true, attempt, reason });
const good = sandbox({}, 3);

const cases: readonly [name: string, pod: typeof pod, seen: PodSnapshot | undefined, expected: SandboxNeed][] = [
  ["nothing of the pod", pod, undefined, need(0, "no pod sandbox exists")],
  ["no sandbox", pod, seen(), need(0, "no pod sandbox exists")],
  ["a good one", pod, seen(good), { needed: false, sandbox: good }],
  ["a good one and a dead one", pod, seen(good, sandbox({ state: "not-ready" })), { needed: false, sandbox: good }],
  ["two ready", pod, seen(good, sandbox({})), need(4, "multiple pod sandboxes are ready and need to be reconciled")],
  ["newest dead", pod, seen(sandbox({ state: "not-ready" }, 3), sandbox({}, 2)), need(4, "pod sandbox is not ready")],
  [
    "another network mode",
    hostPod,
    seen(good),
    need(4, "network namespace mode changed and sandbox needs to be recreated"),
  ],
  ["no address", pod, seen(sandbox({ ips: [] })), need(1, "pod sandbox has no IP address")],
];
for (const [name, of, snapshot, expected] of cases) {
  test(`sandboxNeed() with ${name}`, () => assert.deepEqual(sandboxNeed(of, snapshot), expected));
}

test("sandboxNeed() wants no address with the node's network", () => {
  assert.equal(sandboxNeed(hostPod, seen(sandbox({ ips: [], network: "node" }))).needed, false);
});
