import assert from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { apiReferences } from "./api-references.ts";
import { decodePod } from "./decode.ts";
import { defaultPod } from "./defaults.ts";
import { isIpAddress } from "./ip.ts";
import type { Pod } from "./kubernetes.ts";
import { POD_SCHEMA } from "./pod-schema.ts";
import { validatePod } from "./validate.ts";

type Json = { readonly [field: string]: unknown };
const podOf = (spec: Json, container: Json = {}, metadata: Json = {}): Pod => {
  const decoded = decodePod({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", namespace: "default", ...metadata },
    spec: { containers: [{ name: "c", image: "i", ...container }], ...spec },
  });
  assert.equal(decoded.kind, "decoded", JSON.stringify(decoded));
  return decoded.kind === "decoded" ? defaultPod(decoded.value) : {};
};
const fieldsOf = (pod: Pod): readonly string[] => validatePod(pod).map(({ field }) => field);
const C = "spec.containers[0]";
const probe = { tcpSocket: { port: 1 } };

/** Name, pod, fields that are wrong. */
const cases: readonly (readonly [string, Pod, readonly string[]])[] = [
  ["good", podOf({}), []],
  ["pod name", podOf({}, {}, { name: "Web_1" }), ["metadata.name"]],
  ["namespace", podOf({}, {}, { namespace: "a.b" }), ["metadata.namespace"]],
  ["labels", podOf({}, {}, { labels: { "a b": "x", ok: "-" } }), ["metadata.labels[a b]", "metadata.labels[ok]"]],
  ["annotation", podOf({}, {}, { annotations: { "x.io/Y": "any thing", "": "" } }), ["metadata.annotations[]"]],
  ["no containers", podOf({ containers: [] }), ["spec.containers"]],
  ["container name", podOf({}, { name: "C" }), [`${C}.name`]],
  ["no image", podOf({}, { image: "" }), [`${C}.image`]],
  ["blank image", podOf({}, { image: " i" }), [`${C}.image`]],
  ["pull policy", podOf({}, { imagePullPolicy: "always" }), [`${C}.imagePullPolicy`]],
  [
    "names used twice",
    podOf({ initContainers: [{ name: "c", image: "i" }], volumes: [{ name: "v" }, { name: "v" }] }),
    ["spec.volumes[1].name", "spec.initContainers[0].name"],
  ],
  ["ephemeral", podOf({ ephemeralContainers: [{ name: "e", image: "i" }] }), ["spec.ephemeralContainers"]],
  [
    "env name",
    podOf({}, { env: [{ name: "a=b" }, { name: "1 ü" }, { name: "1.ok-" }] }),
    [`${C}.env[0].name`, `${C}.env[1].name`],
  ],
  [
    "env source",
    podOf({}, { env: [{ name: "A", value: "x", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }] }),
    [`${C}.env[0].valueFrom`],
  ],
  [
    "env field",
    podOf({}, { env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "status.podIp" } } }] }),
    [`${C}.env[0].valueFrom.fieldRef.fieldPath`],
  ],
  [
    "env label",
    podOf({}, { env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "metadata.labels['a/b']" } } }] }),
    [],
  ],
  [
    "env resource",
    podOf({}, { env: [{ name: "A", valueFrom: { resourceFieldRef: { resource: "limits.disk" } } }] }),
    [`${C}.env[0].valueFrom.resourceFieldRef.resource`],
  ],
  [
    "env divisor",
    podOf({}, { env: [{ name: "A", valueFrom: { resourceFieldRef: { resource: "limits.cpu", divisor: "1k" } } }] }),
    [`${C}.env[0].valueFrom.resourceFieldRef.divisor`],
  ],
  ["mount of nothing", podOf({}, { volumeMounts: [{ name: "v", mountPath: "/x" }] }), [`${C}.volumeMounts[0].name`]],
  [
    "mounts",
    podOf(
      { volumes: [{ name: "v" }] },
      {
        volumeMounts: [
          { name: "v", mountPath: "/x", subPath: "../y" },
          { name: "v", mountPath: "/x", mountPropagation: "Bidirectional" },
          { name: "v", mountPath: "" },
        ],
      },
    ),
    [
      `${C}.volumeMounts[1].mountPath`,
      `${C}.volumeMounts[0].subPath`,
      `${C}.volumeMounts[1].mountPropagation`,
      `${C}.volumeMounts[2].mountPath`,
    ],
  ],
  [
    "two sources",
    podOf({ volumes: [{ name: "v", emptyDir: {}, hostPath: { path: "/x" } }] }),
    ["spec.volumes[0].hostPath"],
  ],
  [
    "host path",
    podOf({ volumes: [{ name: "v", hostPath: { path: "/a/../b", type: "Dir" } }] }),
    ["spec.volumes[0].hostPath.path", "spec.volumes[0].hostPath.type"],
  ],
  [
    "downward file",
    podOf({
      volumes: [{ name: "v", downwardAPI: { items: [{ path: "..x", fieldRef: { fieldPath: "status.podIP" } }] } }],
    }),
    ["spec.volumes[0].downwardAPI.items[0].path", "spec.volumes[0].downwardAPI.items[0].fieldRef.fieldPath"],
  ],
  [
    "ports",
    podOf(
      {},
      { ports: [{ containerPort: 0 }, { containerPort: 1, hostPort: 70000 }, { containerPort: 2, name: "80" }] },
    ),
    [`${C}.ports[0].containerPort`, `${C}.ports[1].hostPort`, `${C}.ports[2].name`],
  ],
  [
    "host ports",
    podOf(
      {},
      {
        ports: [
          { containerPort: 1, hostPort: 5 },
          { containerPort: 2, hostPort: 5 },
        ],
      },
    ),
    [`${C}.ports[1].hostPort`],
  ],
  [
    "host ports of two protocols",
    podOf(
      {},
      {
        ports: [
          { containerPort: 1, hostPort: 5 },
          { containerPort: 1, hostPort: 5, protocol: "UDP" },
        ],
      },
    ),
    [],
  ],
  [
    "host network port",
    podOf({ hostNetwork: true }, { ports: [{ containerPort: 1, hostPort: 5 }] }),
    [`${C}.ports[0].hostPort`],
  ],
  [
    "request over limit",
    podOf({}, { resources: { requests: { cpu: "2" }, limits: { cpu: "1" } } }),
    [`${C}.resources.requests[cpu]`],
  ],
  [
    "negative",
    podOf({}, { resources: { limits: { memory: "-1" } } }),
    [`${C}.resources.limits[memory]`, `${C}.resources.requests[memory]`],
  ],
  [
    "unknown resource",
    podOf({}, { resources: { limits: { ram: "1" } } }),
    [`${C}.resources.limits[ram]`, `${C}.resources.requests[ram]`],
  ],
  [
    "half device",
    podOf({}, { resources: { limits: { "x.io/gpu": "500m" } } }),
    [`${C}.resources.limits[x.io/gpu]`, `${C}.resources.requests[x.io/gpu]`],
  ],
  ["hugepages alone", podOf({}, { resources: { limits: { "hugepages-2Mi": "4Mi" } } }), [`${C}.resources`]],
  [
    "pod resources",
    podOf({ resources: { requests: { cpu: "1" }, limits: { disk: "1" } } }, { resources: { requests: { cpu: "2" } } }),
    ["spec.resources.limits[disk]", "spec.resources.requests[cpu]"],
  ],
  ["probe without kind", podOf({}, { livenessProbe: {} }), [`${C}.livenessProbe`]],
  [
    "probe of two kinds",
    podOf({}, { livenessProbe: { ...probe, exec: { command: ["x"] } } }),
    [`${C}.livenessProbe.tcpSocket`],
  ],
  [
    "probe port",
    podOf({}, { readinessProbe: { httpGet: { port: "UPPER", scheme: "http" } } }),
    [`${C}.readinessProbe.httpGet.port`, `${C}.readinessProbe.httpGet.scheme`],
  ],
  [
    "thresholds",
    podOf(
      {},
      {
        livenessProbe: { ...probe, successThreshold: 2 },
        readinessProbe: { ...probe, successThreshold: 2, periodSeconds: -1 },
      },
    ),
    [`${C}.livenessProbe.successThreshold`, `${C}.readinessProbe.periodSeconds`],
  ],
  [
    "sleep over grace",
    podOf({}, { lifecycle: { preStop: { sleep: { seconds: 31 } } } }),
    [`${C}.lifecycle.preStop.sleep.seconds`],
  ],
  [
    "stop signal",
    podOf({ os: { name: "linux" } }, { lifecycle: { stopSignal: "TERM" } }),
    [`${C}.lifecycle.stopSignal`],
  ],
  [
    "init probe",
    podOf({
      initContainers: [
        { name: "a", image: "i", livenessProbe: probe },
        { name: "b", image: "i", restartPolicy: "Always", livenessProbe: probe },
      ],
    }),
    ["spec.initContainers[0].livenessProbe"],
  ],
  [
    "rules without policy",
    podOf({}, { restartPolicyRules: [{ action: "Restart" }] }),
    [`${C}.restartPolicy`, `${C}.restartPolicyRules[0].exitCodes`],
  ],
  [
    "ids",
    podOf({ securityContext: { runAsUser: -1 } }, { securityContext: { runAsGroup: 2 ** 31 } }),
    [`${C}.securityContext.runAsGroup`, "spec.securityContext.runAsUser"],
  ],
  [
    "privileged without escalation",
    podOf({}, { securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
    [`${C}.securityContext.allowPrivilegeEscalation`],
  ],
  [
    "seccomp",
    podOf({}, { securityContext: { seccompProfile: { type: "Localhost" } } }),
    [`${C}.securityContext.seccompProfile.localhostProfile`],
  ],
  [
    "sysctl",
    podOf({
      hostNetwork: true,
      securityContext: {
        sysctls: [
          { name: "net/core/somaxconn", value: "1" },
          { name: "A", value: "" },
        ],
      },
    }),
    ["spec.securityContext.sysctls[0].name", "spec.securityContext.sysctls[1].name"],
  ],
  [
    "choices",
    podOf({ restartPolicy: "never", dnsPolicy: "x", activeDeadlineSeconds: 0 }),
    ["spec.restartPolicy", "spec.activeDeadlineSeconds", "spec.dnsPolicy"],
  ],
  ["dns", podOf({ dnsPolicy: "None" }), ["spec.dnsConfig.nameservers"]],
  [
    "dns config",
    podOf({ dnsConfig: { nameservers: ["x"], searches: ["_tcp.a.", "a b"], options: [{}] } }),
    ["spec.dnsConfig.nameservers[0]", "spec.dnsConfig.searches[1]", "spec.dnsConfig.options[0].name"],
  ],
  [
    "host aliases",
    podOf({ hostAliases: [{ ip: "1.2.3", hostnames: ["A"] }] }),
    ["spec.hostAliases[0].ip", "spec.hostAliases[0].hostnames[0]"],
  ],
  [
    "host users",
    podOf({ hostUsers: false, hostPID: true, shareProcessNamespace: true }),
    ["spec.shareProcessNamespace", "spec.hostPID"],
  ],
  [
    "tolerations",
    podOf({ tolerations: [{ effect: "NoExecute" }, { key: "a", tolerationSeconds: 1 }] }),
    ["spec.tolerations[0].operator", "spec.tolerations[1].effect"],
  ],
];

test("validatePod() names each wrong field", () => {
  for (const [name, pod, want] of cases) assert.deepEqual(fieldsOf(pod), want, name);
});

test("validatePod() says what must hold", () => {
  const [problem] = validatePod(
    podOf({ volumes: [{ name: "data" }] }, { volumeMounts: [{ name: "date", mountPath: "/x" }] }),
  );
  assert.deepEqual(problem, {
    field: `${C}.volumeMounts[0].name`,
    message: 'must name one of spec.volumes (data), is "date"',
  });
});

test("apiReferences() finds what a static pod cannot have", () => {
  assert.deepEqual(
    apiReferences(podOf({ volumes: [{ name: "v" }, { name: "d", projected: { sources: [{ downwardAPI: {} }] } }] })),
    [],
  );
  const pod = podOf(
    {
      serviceAccountName: "s",
      imagePullSecrets: [{ name: "x" }],
      volumes: [
        { name: "a", configMap: { name: "x" } },
        { name: "b", projected: { sources: [{ serviceAccountToken: { path: "x" } }] } },
        { name: "c", rbd: { image: "x", monitors: [], secretRef: { name: "x" } } },
      ],
    },
    {
      env: [{ name: "A", valueFrom: { secretKeyRef: { name: "x", key: "y" } } }],
      envFrom: [{ configMapRef: { name: "x" } }],
    },
  );
  assert.deepEqual(
    apiReferences(pod).map(({ field }) => field),
    [
      "spec.serviceAccountName",
      "spec.imagePullSecrets",
      `${C}.envFrom[0].configMapRef`,
      `${C}.env[0].valueFrom.secretKeyRef`,
      "spec.volumes[0].configMap",
      "spec.volumes[1].projected.sources[0].serviceAccountToken",
      "spec.volumes[2].rbd.secretRef",
    ],
  );
});

test("isIpAddress() agrees with Node", () => {
  const some = [
    "::",
    "::1",
    "1::",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7::",
    "::ffff:1.2.3.4",
    "1.2.3.4",
    "256.1.1.1",
    "1.2.3",
    ":::",
    "1::2::3",
    "12345::",
    "",
    ":",
    "1:2:3:4:5:6:7:8:9",
    "g::",
  ];
  for (const text of some) assert.equal(isIpAddress(text), isIP(text) !== 0, text);
  fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => isIpAddress(text)));
});

test("defaultPod(), validatePod() and apiReferences() answer whatever decodes, and defaults stay", () => {
  fc.assert(
    fc.property(objectOf("ObjectMeta", 2), objectOf("PodSpec", 4), (metadata, spec) => {
      const decoded = decodePod({ apiVersion: "v1", kind: "Pod", metadata, spec });
      if (decoded.kind !== "decoded") return;
      const pod = defaultPod(decoded.value);
      assert.deepEqual(defaultPod(pod), pod);
      validatePod(pod);
      apiReferences(pod);
    }),
    { numRuns: 300 },
  );
});

/** Values of a type of the field table, some of them odd. */
function objectOf(type: string, depth: number): fc.Arbitrary<unknown> {
  const fields = Object.entries(POD_SCHEMA[type] ?? {}).map(
    ([name, code]) => [name, valueFor(code.replace("!", ""), depth)] as const,
  );
  return fc.record(Object.fromEntries(fields), { requiredKeys: [] });
}

function valueFor(code: string, depth: number): fc.Arbitrary<unknown> {
  if (code.startsWith("[]")) return fc.array(valueFor(code.slice(2), depth), { maxLength: 2 });
  if (code.startsWith("{}"))
    return fc.dictionary(fc.constantFrom("cpu", "x/y", "hugepages-2Mi", "A b"), valueFor(code.slice(2), depth), {
      maxKeys: 2,
    });
  switch (code) {
    case "b":
      return fc.boolean();
    case "i":
    case "l":
      return fc.integer({ min: -3, max: 70_000 });
    case "q":
      return fc.constantFrom("1", "-1", "3Mi", "1m");
    case "x":
      return fc.constantFrom<unknown>(80, "web", "");
    case "t":
      return fc.constant("2026-01-02T03:04:05Z");
    case "s":
    case "y":
      return fc.constantFrom("", "web", "Always", "Localhost", "../x", "None");
    default:
      return code === "a" || depth === 0 ? fc.constant({}) : objectOf(code, depth - 1);
  }
}
