import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultPod } from "./defaults.ts";
import { imageTag } from "./image-name.ts";
import type { Container, Pod, PodSpec, Volume } from "./kubernetes.ts";

const podOf = (spec: Partial<PodSpec>): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p" },
  spec: { containers: [], ...spec },
});
const specAfter = (spec: Partial<PodSpec>): PodSpec => defaultPod(podOf(spec)).spec ?? { containers: [] };
const containerAfter = (container: Partial<Container>, spec: Partial<PodSpec> = {}): Container =>
  specAfter({ ...spec, containers: [{ name: "c", image: "i:1", ...container }] }).containers[0] ?? { name: "" };

const containerCases: readonly {
  readonly name: string;
  readonly given: Partial<Container>;
  readonly spec?: Partial<PodSpec>;
  readonly want: Partial<Container>;
}[] = [
  {
    name: "bare",
    given: {},
    want: {
      imagePullPolicy: "IfNotPresent",
      terminationMessagePath: "/dev/termination-log",
      terminationMessagePolicy: "File",
    },
  },
  { name: "latest", given: { image: "registry:5000/i" }, want: { imagePullPolicy: "Always" } },
  { name: "digest", given: { image: "i@sha256:00" }, want: { imagePullPolicy: "IfNotPresent" } },
  {
    name: "port",
    given: { ports: [{ containerPort: 80 }] },
    want: { ports: [{ containerPort: 80, protocol: "TCP" }] },
  },
  {
    name: "host network",
    given: { ports: [{ containerPort: 80 }] },
    spec: { hostNetwork: true },
    want: { ports: [{ containerPort: 80, hostPort: 80, protocol: "TCP" }] },
  },
  {
    name: "requests from limits, thousandths",
    given: { resources: { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "1u" } } },
    want: { resources: { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "1m", memory: "1Gi" } } },
  },
  {
    name: "probe",
    given: { livenessProbe: { httpGet: { port: 80 } }, readinessProbe: { grpc: { port: 1 }, periodSeconds: 3 } },
    want: {
      livenessProbe: {
        httpGet: { port: 80, path: "/", scheme: "HTTP" },
        timeoutSeconds: 1,
        periodSeconds: 10,
        successThreshold: 1,
        failureThreshold: 3,
      },
      readinessProbe: {
        grpc: { port: 1, service: "" },
        timeoutSeconds: 1,
        periodSeconds: 3,
        successThreshold: 1,
        failureThreshold: 3,
      },
    },
  },
  {
    name: "hook",
    given: { lifecycle: { preStop: { httpGet: { port: "web" } } } },
    want: { lifecycle: { preStop: { httpGet: { port: "web", path: "/", scheme: "HTTP" } } } },
  },
  {
    name: "field of the pod",
    given: { env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }] },
    want: { env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "metadata.name", apiVersion: "v1" } } }] },
  },
];

test("defaultPod() fills containers", () => {
  for (const { name, given, spec, want } of containerCases) {
    const after = containerAfter(given, spec);
    for (const [field, value] of Object.entries(want)) assert.deepEqual(after[field as keyof Container], value, name);
  }
});

const volumeCases: readonly (readonly [Volume, object])[] = [
  [{ name: "v" }, { emptyDir: {} }],
  [{ name: "v", hostPath: { path: "/x" } }, { hostPath: { path: "/x", type: "" } }],
  [{ name: "v", secret: { secretName: "s" } }, { secret: { secretName: "s", defaultMode: 420 } }],
  [{ name: "v", image: { reference: "a:latest" } }, { image: { reference: "a:latest", pullPolicy: "Always" } }],
  [
    {
      name: "v",
      projected: { sources: [{ downwardAPI: { items: [{ path: "p", fieldRef: { fieldPath: "metadata.uid" } }] } }] },
    },
    {
      projected: {
        defaultMode: 420,
        sources: [
          { downwardAPI: { items: [{ path: "p", fieldRef: { apiVersion: "v1", fieldPath: "metadata.uid" } }] } },
        ],
      },
    },
  ],
];

test("defaultPod() fills volumes", () => {
  for (const [volume, want] of volumeCases)
    assert.deepEqual(specAfter({ volumes: [volume] }).volumes?.[0], { name: "v", ...want });
});

test("defaultPod() fills the pod", () => {
  assert.deepEqual(specAfter({}), {
    containers: [],
    restartPolicy: "Always",
    dnsPolicy: "ClusterFirst",
    schedulerName: "default-scheduler",
    securityContext: {},
    terminationGracePeriodSeconds: 30,
    enableServiceLinks: true,
  });
  assert.equal(specAfter({ terminationGracePeriodSeconds: -5 }).terminationGracePeriodSeconds, 1);
  assert.equal(specAfter({ terminationGracePeriodSeconds: 0 }).terminationGracePeriodSeconds, 0);
  assert.equal(specAfter({ serviceAccount: "a" }).serviceAccountName, "a");
});

test("defaultPod() twice is defaultPod() once", () => {
  for (const { given, spec } of containerCases) {
    const once = defaultPod(
      podOf({
        ...spec,
        containers: [{ name: "c", image: "i", ...given }],
        volumes: volumeCases.map(([volume]) => volume),
      }),
    );
    assert.deepEqual(defaultPod(once), once);
  }
});

test("imageTag() finds the tag", () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ["nginx", "latest"],
    ["nginx:1.2", "1.2"],
    ["localhost:5000/a/b", "latest"],
    ["localhost:5000/a/b:c", "c"],
    ["a@sha256:12", undefined],
    ["a:latest@sha256:12", "latest"],
    ["", undefined],
    ["0".repeat(64), undefined],
  ];
  for (const [image, tag] of cases) assert.equal(imageTag(image), tag, image);
});
