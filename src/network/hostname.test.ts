import assert from "node:assert/strict";
import { test } from "node:test";
import type { PodSpec } from "../model/kubernetes.ts";
import { type PodName, podName, sandboxHostname } from "./hostname.ts";

const pod = (spec: Partial<PodSpec>, name = "web") => ({
  metadata: { name, namespace: "shop", uid: "u1" },
  spec: { containers: [], ...spec },
});
const long = "a".repeat(62);

const names: readonly [name: string, spec: Partial<PodSpec>, pod: string, expected: PodName][] = [
  ["the pod's own name", {}, "web", { hostname: "web", domain: "" }],
  ["hostname of the spec", { hostname: "db" }, "web", { hostname: "db", domain: "" }],
  ["subdomain", { subdomain: "front" }, "web", { hostname: "web", domain: "front.shop.svc.cluster.local" }],
  ["cut at 63 without a closing dash", {}, `${long}-x`, { hostname: long, domain: "" }],
  [
    "override wins and has no domain",
    { hostnameOverride: "a.b.c", subdomain: "x" },
    "web",
    { hostname: "a.b.c", domain: "" },
  ],
];
for (const [name, spec, of, expected] of names) {
  test(`podName() gives ${name}`, () => assert.deepEqual(podName(pod(spec, of), "cluster.local"), expected));
}

const refused: readonly [field: string, spec: Partial<PodSpec>, message: RegExp][] = [
  ["hostname", { hostname: "Not.A.Label" }, /pod Hostname "Not.A.Label" is not a valid DNS label/],
  ["subdomain", { subdomain: "-x" }, /pod Subdomain "-x" is not a valid DNS label/],
  ["override", { hostnameOverride: "a..b" }, /pod HostnameOverride "a..b" is not a valid DNS subdomain/],
];
for (const [field, spec, message] of refused) {
  test(`podName() refuses a bad ${field}`, () => assert.throws(() => podName(pod(spec), "x"), message));
}

test("sandboxHostname() is empty with the node's network", () => {
  assert.equal(sandboxHostname(pod({ hostNetwork: true, hostname: "db" }), "cluster.local"), "");
});

test("sandboxHostname() takes the full name where the pod wants it", () => {
  assert.equal(sandboxHostname(pod({ setHostnameAsFQDN: true, subdomain: "x" }), "cl"), "web.x.shop.svc.cl");
  assert.equal(sandboxHostname(pod({ setHostnameAsFQDN: true }), "cl"), "web");
  assert.throws(
    () => sandboxHostname(pod({ setHostnameAsFQDN: true, subdomain: long }), "cl"),
    /FQDN web\.a+\.shop\.svc\.cl is too long \(64 characters is the max, 78 characters requested\)/,
  );
});
