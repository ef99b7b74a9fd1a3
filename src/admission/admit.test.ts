import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod, PodSpec } from "../model/kubernetes.ts";
import { admit, type NodeShape } from "./admit.ts";

const node: NodeShape = { allocatable: { cpu: 1000, memory: 1000, pods: 2 }, allowedUnsafeSysctls: ["kernel.msg*"] };
const podOf = (spec: Partial<PodSpec>): Pod => ({ spec: { containers: [{ name: "c", image: "i" }], ...spec } });
const asking = (requests: { [resource: string]: string }): Pod =>
  podOf({ containers: [{ name: "c", image: "i", resources: { requests } }] });
const onPort = (hostPort: number, hostIP?: string): Pod =>
  podOf({ containers: [{ name: "c", image: "i", ports: [{ containerPort: 80, hostPort, hostIP }] }] });
const sysctl = (name: string, spec: Partial<PodSpec> = {}): Pod =>
  podOf({ ...spec, securityContext: { sysctls: [{ name, value: "1" }] } });

const cases: readonly { name: string; pod: Pod; others?: Pod[]; reason?: string; message?: RegExp }[] = [
  { name: "admits a plain pod", pod: podOf({}) },
  { name: "admits what fits exactly", pod: asking({ cpu: "500m" }), others: [asking({ cpu: "500m" })] },
  {
    name: "refuses cpu that is not there",
    pod: asking({ cpu: "501m" }),
    others: [asking({ cpu: "500m" })],
    reason: "OutOfcpu",
    message: /^Node didn't have enough resource: cpu, requested: 501, used: 500, capacity: 1000$/,
  },
  { name: "refuses memory that is not there", pod: asking({ memory: "1001" }), reason: "OutOfmemory" },
  { name: "refuses one pod too many", pod: podOf({}), others: [podOf({}), podOf({})], reason: "OutOfpods" },
  {
    name: "refuses a taken host port",
    pod: onPort(80),
    others: [onPort(80, "10.0.0.1")],
    reason: "NodePorts",
    message: /TCP 80/,
  },
  { name: "admits a port on another address", pod: onPort(80, "10.0.0.2"), others: [onPort(80, "10.0.0.1")] },
  { name: "refuses another OS", pod: podOf({ os: { name: "windows" } }), reason: "PodOSNotSupported" },
  { name: "admits a safe sysctl", pod: sysctl("net.ipv4.tcp_syncookies") },
  { name: "admits a listed sysctl", pod: sysctl("kernel/msgmax") },
  {
    name: "refuses an unsafe sysctl",
    pod: sysctl("vm.swappiness"),
    reason: "SysctlForbidden",
    message: /vm.swappiness/,
  },
  {
    name: "refuses a net sysctl on the host network",
    pod: sysctl("net.ipv4.tcp_syncookies", { hostNetwork: true }),
    reason: "SysctlForbidden",
  },
];
for (const { name, pod, others = [], reason, message } of cases) {
  test(`admit() ${name}`, () => {
    const verdict = admit(pod, others, node, []);
    assert.equal(verdict.kind === "rejected" ? verdict.reason : undefined, reason);
    if (message) assert.match(verdict.kind === "rejected" ? verdict.message : "", message);
  });
}

test("admit() names every field that it can't honour", () => {
  const verdict = admit(podOf({}), [], node, [
    { field: "spec.hostUsers", message: "user namespaces are not there yet" },
  ]);
  assert.deepEqual(verdict, {
    kind: "rejected",
    reason: "PodFeatureUnsupported",
    message: "Pod requires node features that are not available: spec.hostUsers: user namespaces are not there yet",
  });
});
