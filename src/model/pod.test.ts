import assert from "node:assert/strict";
import { test } from "node:test";
import { containerHash } from "./container-hash.ts";
import type { Container, Pod, PodSpec } from "./kubernetes.ts";
import { containerLogLink, parsePodLogDirectoryName, podLogDirectory } from "./names.ts";
import { findContainer, fullNameOf, gracePeriodOf, isCritical, isMirror, isStatic, uidOf } from "./pod.ts";
import { podLimits, podRequests, qosClassOf } from "./pod-resources.ts";
import { couldRestart, mayRestart, restartsAll } from "./restart.ts";

const podOf = (spec: Partial<PodSpec>, annotations: { [key: string]: string } = {}): Pod => ({
  metadata: { name: "web-node", namespace: "default", uid: "u1", annotations },
  spec: { containers: [], ...spec },
});
const containerOf = (resources: Container["resources"], more: Partial<Container> = {}): Container => ({
  name: "c",
  image: "i",
  resources,
  ...more,
});

test("containerHash() equals the Go kubelet's", () => {
  assert.equal(containerHash({ name: "test_container", image: "foo/image:v1" }), "8e45cbd0");
});

test("readers tell what kind of pod it is", () => {
  assert.equal(isStatic(podOf({}, { "kubernetes.io/config.source": "file" })), true);
  assert.equal(isStatic(podOf({}, { "kubernetes.io/config.source": "api" })), false);
  assert.equal(isStatic(podOf({})), false);
  assert.equal(isMirror(podOf({}, { "kubernetes.io/config.mirror": "x" })), true);
  assert.equal(isCritical(podOf({ priority: 2_000_000_000 })), true);
  assert.equal(isCritical(podOf({ priority: 1_999_999_999 })), false);
  assert.equal(fullNameOf(podOf({})), "web-node_default");
  assert.equal(gracePeriodOf(podOf({})), 30_000);
  assert.equal(gracePeriodOf(podOf({ terminationGracePeriodSeconds: 2 })), 2_000);
  assert.throws(() => uidOf({ metadata: { name: "x" } }), /Pod x_default has no UID/);
  const pod = podOf({ initContainers: [{ name: "s", restartPolicy: "Always" }], containers: [{ name: "m" }] });
  assert.equal(findContainer(pod, "s")?.role, "sidecar");
  assert.equal(findContainer(pod, "m")?.path, "spec.containers{m}");
  assert.equal(findContainer(pod, "z"), undefined);
});

test("names build log paths and read them back", () => {
  const pod = { name: "web-n", namespace: "default", uid: "abc" };
  assert.equal(podLogDirectory("/var/log/pods", pod), "/var/log/pods/default_web-n_abc");
  assert.deepEqual(parsePodLogDirectoryName("default_web-n_abc"), pod);
  assert.equal(parsePodLogDirectoryName("lost+found"), undefined);
  const link = containerLogLink("/l", { name: "n".repeat(250), namespace: "d" }, "c", "id");
  assert.equal(link.length, "/l/".length + 255);
});

const restartCases: readonly {
  readonly name: string;
  readonly pod?: string;
  readonly container?: Partial<Container>;
  readonly exits: readonly [number, boolean][];
}[] = [
  {
    name: "no policy means Always",
    exits: [
      [0, true],
      [1, true],
    ],
  },
  {
    name: "pod OnFailure",
    pod: "OnFailure",
    exits: [
      [0, false],
      [1, true],
    ],
  },
  {
    name: "pod Never",
    pod: "Never",
    exits: [
      [0, false],
      [1, false],
    ],
  },
  {
    name: "container over pod",
    pod: "Never",
    container: { restartPolicy: "OnFailure" },
    exits: [
      [0, false],
      [3, true],
    ],
  },
  {
    name: "rule In",
    pod: "Always",
    container: {
      restartPolicy: "Never",
      restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [42] } }],
    },
    exits: [
      [42, true],
      [1, false],
    ],
  },
  {
    name: "rule NotIn, all",
    pod: "Never",
    container: {
      restartPolicy: "Never",
      restartPolicyRules: [{ action: "RestartAllContainers", exitCodes: { operator: "NotIn", values: [0] } }],
    },
    exits: [
      [0, false],
      [1, true],
    ],
  },
];

test("mayRestart() asks rules, then the container's policy, then the pod's", () => {
  for (const { name, pod, container, exits } of restartCases) {
    const given = podOf(pod === undefined ? {} : { restartPolicy: pod });
    for (const [code, want] of exits) assert.equal(mayRestart(given, { ...container }, code), want, `${name}: ${code}`);
  }
  const all = restartCases[5]?.container ?? {};
  assert.equal(restartsAll(all, 1), true);
  assert.equal(restartsAll(all, 0), false);
  assert.equal(couldRestart(podOf({ restartPolicy: "Never" }), {}), false);
  assert.equal(couldRestart(podOf({ restartPolicy: "Never" }), restartCases[4]?.container ?? {}), true);
});

const both = (cpu: string, memory: string) => ({ requests: { cpu, memory }, limits: { cpu, memory } });

test("qosClassOf() looks at cpu and memory of init and regular containers", () => {
  const cases: readonly (readonly [string, Pod])[] = [
    ["BestEffort", podOf({ containers: [containerOf({})] })],
    ["BestEffort", podOf({ containers: [containerOf({ requests: { cpu: "0" } })] })],
    ["Burstable", podOf({ containers: [containerOf({ requests: { cpu: "1" } })] })],
    ["Burstable", podOf({ containers: [containerOf({ requests: { cpu: "1" }, limits: { cpu: "1" } })] })],
    ["Guaranteed", podOf({ containers: [containerOf(both("1", "1Gi"))] })],
    [
      "Guaranteed",
      podOf({
        containers: [
          containerOf({ requests: { cpu: "1000m", memory: "1Gi" }, limits: { cpu: "1", memory: "1024Mi" } }),
        ],
      }),
    ],
    ["Burstable", podOf({ containers: [containerOf(both("1", "1Gi")), containerOf({})] })],
    ["Burstable", podOf({ initContainers: [containerOf({})], containers: [containerOf(both("1", "1Gi"))] })],
    ["Guaranteed", podOf({ resources: both("1", "1Gi"), containers: [containerOf({})] })],
    ["BestEffort", podOf({ resources: {}, containers: [containerOf({})] })],
  ];
  for (const [want, pod] of cases) assert.equal(qosClassOf(pod), want, JSON.stringify(pod.spec));
  assert.equal(qosClassOf({ ...podOf({}), status: { qosClass: "Guaranteed" } }), "Guaranteed");
});

test("podRequests() takes the larger of running and starting, then pod level, then overhead", () => {
  const requests = (cpu: string, more: Partial<Container> = {}) => containerOf({ requests: { cpu } }, more);
  const sidecar = { restartPolicy: "Always" };
  const cases: readonly (readonly [string, Partial<PodSpec>, number])[] = [
    ["sum", { containers: [requests("100m"), requests("200m")] }, 300],
    ["large init", { initContainers: [requests("1")], containers: [requests("100m")] }, 1000],
    ["sidecar adds", { initContainers: [requests("50m", sidecar)], containers: [requests("100m")] }, 150],
    [
      "init after sidecar",
      { initContainers: [requests("50m", sidecar), requests("1")], containers: [requests("1m")] },
      1050,
    ],
    [
      "init before sidecar",
      { initContainers: [requests("1"), requests("50m", sidecar)], containers: [requests("1m")] },
      1000,
    ],
    ["pod level", { resources: { requests: { cpu: "2" } }, containers: [requests("100m")] }, 2000],
    ["overhead", { overhead: { cpu: "10m" }, containers: [requests("100m")] }, 110],
  ];
  for (const [name, spec, want] of cases) assert.equal(podRequests(podOf(spec)).cpu, want, name);
  const limited = podOf({
    overhead: { cpu: "10m", memory: "1Mi" },
    containers: [containerOf({ limits: { memory: "1Mi" } })],
  });
  assert.deepEqual(podLimits(limited), { memory: 2097152 });
});
