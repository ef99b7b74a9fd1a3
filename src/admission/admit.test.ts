import assert from "node:assert/strict";
import { test } from "node:test";
import type { Node, Pod, PodSpec } from "../model/kubernetes.ts";
import { admit, type NodeShape } from "./admit.ts";

const shape: NodeShape = {
  name: "n1",
  labels: { "kubernetes.io/hostname": "n1", zone: "a" },
  taints: [{ key: "initial", effect: "NoExecute" }],
  declaredFeatures: [],
  allocatable: { cpu: 1000, memory: 1000, pods: 2 },
  allowedUnsafeSysctls: ["kernel.msg*"],
  appArmor: false,
};
const known: Node = {
  metadata: { name: "n1", labels: { zone: "b", size: "7" } },
  spec: {
    taints: [
      { key: "gone", value: "x", effect: "NoExecute" },
      { key: "full", effect: "NoSchedule" },
    ],
  },
  status: { allocatable: { cpu: "1", memory: "1000", pods: "2", "example.com/card": "1", "ephemeral-storage": "500" } },
};
const STATIC = { annotations: { "kubernetes.io/config.source": "file" } };
const TOLERANT: Partial<PodSpec> = { tolerations: [{ operator: "Exists" }] };
const asked = (key: string, operator: string, ...values: string[]): Partial<PodSpec> => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key, operator, values }] }],
      },
    },
  },
});
const named = (operator: string, name: string): Partial<PodSpec> => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{}, { matchFields: [{ key: "metadata.name", operator, values: [name] }] }],
      },
    },
  },
});
const podOf = (spec: Partial<PodSpec>, metadata: Pod["metadata"] = {}): Pod => ({
  metadata,
  spec: { containers: [{ name: "c", image: "i" }], ...TOLERANT, ...spec },
});
const asking = (requests: { [resource: string]: string }): Pod =>
  podOf({ containers: [{ name: "c", image: "i", resources: { requests } }] });
const onPort = (hostPort: number, hostIP?: string): Pod =>
  podOf({ containers: [{ name: "c", image: "i", ports: [{ containerPort: 80, hostPort, hostIP }] }] });
const sysctl = (name: string, spec: Partial<PodSpec> = {}): Pod =>
  podOf({ ...spec, securityContext: { sysctls: [{ name, value: "1" }] } });

const OUT = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector";
const cases: readonly {
  name: string;
  pod: Pod;
  others?: Pod[];
  node?: Node;
  reason?: string;
  message?: RegExp | string;
}[] = [
  { name: "goes by the labels of the registration first", pod: podOf({ nodeSelector: { zone: "a" } }) },
  { name: "goes by the Node when it is known", pod: podOf({ nodeSelector: { zone: "b" } }), node: known },
  {
    name: "refuses another label",
    pod: podOf({ nodeSelector: { zone: "a" } }),
    node: known,
    reason: "NodeAffinity",
    message: OUT,
  },
  { name: "refuses a label that is not there", pod: podOf({ nodeSelector: { disk: "" } }), reason: "NodeAffinity" },
  { name: "knows In", pod: podOf(asked("zone", "In", "c", "a")) },
  { name: "knows In without a hit", pod: podOf(asked("zone", "In", "c")), reason: "NodeAffinity" },
  { name: "knows NotIn of what is not there", pod: podOf(asked("disk", "NotIn", "ssd")) },
  { name: "knows NotIn with a hit", pod: podOf(asked("zone", "NotIn", "a")), reason: "NodeAffinity" },
  { name: "knows Exists", pod: podOf(asked("zone", "Exists")) },
  { name: "knows DoesNotExist", pod: podOf(asked("zone", "DoesNotExist")), reason: "NodeAffinity" },
  { name: "knows Gt", pod: podOf(asked("size", "Gt", "6")), node: known },
  { name: "knows Lt", pod: podOf(asked("size", "Lt", "7")), node: known, reason: "NodeAffinity" },
  { name: "takes Gt of a word for no match", pod: podOf(asked("zone", "Gt", "1")), reason: "NodeAffinity" },
  { name: "takes an unknown operator for no match", pod: podOf(asked("zone", "Is", "a")), reason: "NodeAffinity" },
  { name: "knows the name as a field, in the term that says something", pod: podOf(named("In", "n1")) },
  { name: "knows another name as a field", pod: podOf(named("NotIn", "n1")), reason: "NodeAffinity" },
  {
    name: "refuses a pod of another node",
    pod: podOf({ nodeName: "n2" }),
    reason: "NodeName",
    message: "Predicate NodeName failed: node(s) didn't match the requested node name",
  },
  {
    name: "refuses a pod that a taint drives away",
    pod: podOf({ tolerations: [{ key: "gone", value: "y", effect: "NoExecute" }] }),
    node: known,
    reason: "TaintToleration",
    message: "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
  },
  {
    name: "admits one that tolerates it",
    pod: podOf({ tolerations: [{ key: "gone", operator: "Equal", value: "x" }] }),
    node: known,
  },
  { name: "goes by the taints of the registration first", pod: podOf({ tolerations: [] }), reason: "TaintToleration" },
  { name: "lets static pods stay whatever the taints", pod: podOf({ tolerations: [] }, STATIC), node: known },
  {
    name: "refuses a pod whose label names another system",
    pod: podOf({}, { labels: { "kubernetes.io/os": "windows" } }),
    reason: "PodOSSelectorNodeLabelDoesNotMatch",
    message: "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
  },
  {
    name: "refuses strict groups where the runtime has none",
    pod: podOf({ securityContext: { supplementalGroupsPolicy: "Strict" } }),
    node: known,
    reason: "SupplementalGroupsPolicyNotSupported",
  },
  {
    name: "refuses an extended resource that is used up",
    pod: asking({ "example.com/card": "1" }),
    others: [asking({ "example.com/card": "1" })],
    node: known,
    reason: "OutOfexample.com/card",
    message: "Node didn't have enough resource: example.com/card, requested: 1, used: 1, capacity: 1",
  },
  {
    name: "leaves an extended resource that the node does not know to others",
    pod: asking({ "example.com/x": "1" }),
    node: known,
  },
  {
    name: "refuses huge pages that are not there",
    pod: asking({ "hugepages-2Mi": "2Mi" }),
    reason: "OutOfhugepages-2Mi",
  },
  {
    name: "refuses storage that is not there",
    pod: asking({ "ephemeral-storage": "501" }),
    node: known,
    reason: "OutOfephemeral-storage",
  },
  {
    name: "says first what else is in the way of a critical pod",
    pod: {
      ...asking({ cpu: "2" }),
      metadata: STATIC,
      spec: { ...asking({ cpu: "2" }).spec, containers: asking({ cpu: "2" }).spec?.containers ?? [], nodeName: "n2" },
    },
    reason: "NodeName",
  },
  {
    name: "says that a critical pod gets no room yet",
    pod: { ...asking({ cpu: "2" }), metadata: STATIC },
    reason: "OutOfcpu",
    message:
      "Node didn't have enough resource: cpu, requested: 2000, used: 0, capacity: 1000, and to evict others for a critical pod is not supported yet",
  },
  {
    name: "refuses what needs a feature of the node",
    pod: podOf({
      containers: [{ name: "c", restartPolicy: "Never", restartPolicyRules: [{ action: "RestartAllContainers" }] }],
    }),
    reason: "PodFeatureUnsupported",
    message: "Pod requires node features that are not available: RestartAllContainersOnContainerExits",
  },
  {
    name: "refuses a profile of AppArmor where there is none",
    pod: podOf({ securityContext: { appArmorProfile: { type: "RuntimeDefault" } } }),
    reason: "AppArmor",
    message: "Cannot enforce AppArmor: AppArmor is not enabled on the host",
  },
  {
    name: "refuses such a profile of one container, too",
    pod: podOf({
      initContainers: [
        { name: "i", securityContext: { appArmorProfile: { type: "Localhost", localhostProfile: "p" } } },
      ],
    }),
    reason: "AppArmor",
  },
  {
    name: "refuses such a profile of an annotation, too",
    pod: podOf({}, { annotations: { "container.apparmor.security.beta.kubernetes.io/c": "runtime/default" } }),
    reason: "AppArmor",
  },
  {
    name: "admits a pod that wants no AppArmor",
    pod: podOf(
      { securityContext: { appArmorProfile: { type: "Unconfined" } } },
      { annotations: { "container.apparmor.security.beta.kubernetes.io/c": "unconfined" } },
    ),
  },

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
    message: /free ports/,
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
for (const { name, pod, others = [], node, reason, message } of cases) {
  test(`admit() ${name}`, () => {
    const verdict = admit(pod, others, shape, node, []);
    assert.equal(verdict.kind === "rejected" ? verdict.reason : undefined, reason);
    const text = verdict.kind === "rejected" ? verdict.message : "";
    if (typeof message === "string") assert.equal(text, message);
    else if (message) assert.match(text, message);
  });
}

test("admit() takes a profile of AppArmor where there is AppArmor", () => {
  const pod = podOf({ securityContext: { appArmorProfile: { type: "RuntimeDefault" } } });
  assert.equal(admit(pod, [], { ...shape, appArmor: true }, undefined, []).kind, "admitted");
});

test("admit() names every field that it can't honour", () => {
  const verdict = admit(podOf({}), [], shape, undefined, [
    { field: "spec.hostUsers", message: "user namespaces are not there yet" },
  ]);
  assert.deepEqual(verdict, {
    kind: "rejected",
    reason: "PodFeatureUnsupported",
    message: "Pod requires node features that are not available: spec.hostUsers: user namespaces are not there yet",
  });
});
