import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../base/fault.ts";
import type { Container, Pod, Service } from "../model/kubernetes.ts";
import type { ReferencedObject, ReferenceKind } from "../model/referenced.ts";
import { environment } from "./environment.ts";
import { serviceEnvironment } from "./service-environment.ts";

const base64 = (bytes: string | Uint8Array): string => Buffer.from(bytes).toString("base64");
const OBJECTS: Readonly<Record<string, ReferencedObject[ReferenceKind]>> = {
  "ConfigMap/c": { data: { b: "2", a: "1", "x.y": "dot", nul: "a\0b" }, binaryData: { bin: base64("x") } },
  "ConfigMap/plain": { data: { b: "2", a: "1" } },
  "ConfigMap/odd": { data: { a: 7 as unknown as string } },
  "Secret/s": { data: { a: base64("secret"), raw: base64(Uint8Array.of(0xff, 0xfe)) } },
  "Secret/plain": { data: { a: base64("s1"), bom: base64("\ufeffx") } },
};
const pod: Pod = { metadata: { name: "p", namespace: "n", uid: "u" }, spec: { containers: [] } };
const services = new Map([
  ["WEB_PORT", "tcp://10.0.0.1:80"],
  ["a", "from a service"],
]);

const built = (container: Omit<Container, "name">): string[] => {
  const object = <K extends ReferenceKind>(kind: K, name: string) =>
    OBJECTS[`${kind}/${name}`] as ReferencedObject[K] | undefined;
  const sources = { object, whyMissing: (kind: string, name: string) => `${kind} ${name} is away`, services };
  const around = { nodeName: "node", hostIps: [], podIps: [], allocatable: {}, sources };
  return [...environment(pod, container, around)].map(([name, value]) => `${name}=${value}`);
};
const WEB = "WEB_PORT=tcp://10.0.0.1:80";
const key = (name: string, wanted: string, optional?: boolean) => ({
  name,
  key: wanted,
  ...(optional === undefined ? {} : { optional }),
});

const CASES: readonly [what: string, container: Omit<Container, "name">, expected: readonly string[]][] = [
  ["services, where nothing else has the name", {}, [WEB, "a=from a service"]],
  ["a whole ConfigMap", { envFrom: [{ configMapRef: { name: "plain" } }] }, ["a=1", "b=2", WEB]],
  [
    "a whole Secret with a prefix",
    { envFrom: [{ prefix: "S_", secretRef: { name: "plain" } }] },
    ["S_a=s1", "S_bom=\ufeffx", WEB, "a=from a service"],
  ],
  [
    "later objects over earlier ones, and variables over both",
    {
      envFrom: [{ configMapRef: { name: "plain" } }, { secretRef: { name: "plain" } }],
      env: [{ name: "b", value: "own" }],
    },
    ["a=s1", "b=own", "bom=\ufeffx", WEB],
  ],
  [
    "one key of each",
    {
      env: [
        { name: "A", valueFrom: { configMapKeyRef: key("c", "x.y") } },
        { name: "B", valueFrom: { secretKeyRef: key("s", "a") } },
      ],
    },
    ["A=dot", "B=secret", WEB, "a=from a service"],
  ],
  [
    "values filled with what stands before, then with services",
    {
      envFrom: [{ configMapRef: { name: "plain" } }],
      env: [{ name: "X", value: "$(a) $(WEB_PORT) $(Y) $$(a)" }],
    },
    ["a=1", "b=2", "X=1 tcp://10.0.0.1:80 $(Y) $(a)", WEB],
  ],
  [
    "nothing for what is optional and not there",
    {
      envFrom: [{ configMapRef: { name: "none", optional: true } }, { secretRef: { name: "none", optional: true } }],
      env: [
        { name: "A", valueFrom: { configMapKeyRef: key("none", "a", true) } },
        { name: "B", valueFrom: { secretKeyRef: key("s", "none", true) } },
        { name: "C", valueFrom: { configMapKeyRef: key("c", "bin", true) } },
      ],
    },
    [WEB, "a=from a service"],
  ],
];
for (const [what, container, expected] of CASES) {
  test(`environment() gives ${what}`, () => assert.deepEqual(built(container), expected));
}

const REFUSED: readonly [what: string, container: Omit<Container, "name">, message: string][] = [
  [
    "an absent key",
    { env: [{ name: "A", valueFrom: { configMapKeyRef: key("c", "z") } }] },
    "couldn't find key z in ConfigMap n/c",
  ],
  [
    "an absent key of a secret",
    { env: [{ name: "A", valueFrom: { secretKeyRef: key("s", "z") } }] },
    "couldn't find key z in Secret n/s",
  ],
  [
    "a key with bytes, which are for files",
    { env: [{ name: "A", valueFrom: { configMapKeyRef: key("c", "bin") } }] },
    "couldn't find key bin in ConfigMap n/c",
  ],
  ["an absent object", { env: [{ name: "A", valueFrom: { secretKeyRef: key("none", "a") } }] }, "Secret none is away"],
  ["an absent whole object", { envFrom: [{ configMapRef: { name: "none" } }] }, "ConfigMap none is away"],
  [
    "bytes that are no text",
    { env: [{ name: "A", valueFrom: { secretKeyRef: key("s", "raw") } }] },
    "key raw in Secret n/s is not UTF-8 text, which an environment variable must be: mount it as a file",
  ],
  [
    "a NUL byte",
    { envFrom: [{ configMapRef: { name: "c" } }] },
    "key nul in ConfigMap n/c holds a NUL byte, which no environment variable can",
  ],
  [
    "an object that is none",
    { envFrom: [{ configMapRef: { name: "odd" } }] },
    "cannot use ConfigMap n/odd: the value of key a is no text",
  ],
];
for (const [what, container, message] of REFUSED) {
  test(`environment() refuses ${what}`, () => {
    assert.throws(
      () => built(container),
      (error) => {
        assert.ok(isFault(error, "waiting") && error.fault.reason === "CreateContainerConfigError");
        assert.equal(error.message, message);
        return true;
      },
    );
  });
}

const service = (name: string, clusterIP: string, ports: NonNullable<Service["spec"]>["ports"] = [{ port: 80 }]) => ({
  metadata: { name, namespace: "n" },
  spec: { clusterIP, ports },
});

test("serviceEnvironment() names variables as docker links did", () => {
  const ports = [
    { name: "http", port: 80 },
    { name: "dns-udp", port: 53, protocol: "UDP" },
  ];
  assert.deepEqual(Object.fromEntries(serviceEnvironment([service("my-web", "10.0.0.1", ports)])), {
    MY_WEB_SERVICE_HOST: "10.0.0.1",
    MY_WEB_SERVICE_PORT: "80",
    MY_WEB_SERVICE_PORT_HTTP: "80",
    MY_WEB_SERVICE_PORT_DNS_UDP: "53",
    MY_WEB_PORT: "tcp://10.0.0.1:80",
    MY_WEB_PORT_80_TCP: "tcp://10.0.0.1:80",
    MY_WEB_PORT_80_TCP_PROTO: "tcp",
    MY_WEB_PORT_80_TCP_PORT: "80",
    MY_WEB_PORT_80_TCP_ADDR: "10.0.0.1",
    MY_WEB_PORT_53_UDP: "udp://10.0.0.1:53",
    MY_WEB_PORT_53_UDP_PROTO: "udp",
    MY_WEB_PORT_53_UDP_PORT: "53",
    MY_WEB_PORT_53_UDP_ADDR: "10.0.0.1",
  });
});

test("serviceEnvironment() puts an IPv6 address into brackets where it is part of a URL", () => {
  const env = serviceEnvironment([service("web", "fd00::1")]);
  assert.deepEqual([env.get("WEB_PORT"), env.get("WEB_SERVICE_HOST")], ["tcp://[fd00::1]:80", "fd00::1"]);
});

test("serviceEnvironment() leaves out services without address or port; the first of a name counts", () => {
  const given = [service("headless", "None"), service("outside", ""), service("odd", "10.0.0.9", []), {}];
  assert.equal(serviceEnvironment(given).size, 0);
  const env = serviceEnvironment([service("web", "10.0.0.1"), service("web", "10.0.0.2")]);
  assert.equal(env.get("WEB_SERVICE_HOST"), "10.0.0.1");
});
