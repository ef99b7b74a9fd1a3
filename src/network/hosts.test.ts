import assert from "node:assert/strict";
import { test } from "node:test";
import type { PodSpec } from "../model/kubernetes.ts";
import { hasManagedHosts, hostsText } from "./hosts.ts";

const pod = (spec: Partial<PodSpec>) => ({ metadata: { name: "web" }, spec: { containers: [], ...spec } });
const LOCAL =
  "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n";

test("hostsText() gives each address of the pod its names", () => {
  const name = { hostname: "web", domain: "" };
  assert.equal(hostsText(pod({}), ["10.0.0.5", "fd00::5"], name, ""), `${LOCAL}10.0.0.5\tweb\nfd00::5\tweb\n`);
  const full = { hostname: "web", domain: "x.shop.svc.cl" };
  assert.equal(hostsText(pod({}), ["10.0.0.5"], full, ""), `${LOCAL}10.0.0.5\tweb.x.shop.svc.cl\tweb\n`);
});

test("hostsText() keeps the node's file with the node's network", () => {
  const text = hostsText(pod({ hostNetwork: true }), ["1.2.3.4"], { hostname: "", domain: "" }, "127.0.0.1 me\n");
  assert.equal(text, "# Kubernetes-managed hosts file (host network).\n127.0.0.1 me\n");
});

test("hostsText() appends host aliases", () => {
  const spec = { hostAliases: [{ ip: "1.1.1.1", hostnames: ["a", "b"] }, { ip: "2.2.2.2" }] };
  assert.equal(
    hostsText(pod(spec), ["10.0.0.5"], { hostname: "web", domain: "" }, ""),
    `${LOCAL}10.0.0.5\tweb\n\n# Entries added by HostAliases.\n1.1.1.1\ta\tb\n2.2.2.2\t\n`,
  );
});

test("hasManagedHosts() needs an address or the node's network", () => {
  assert.equal(hasManagedHosts(pod({}), []), false);
  assert.equal(hasManagedHosts(pod({}), ["10.0.0.1"]), true);
  assert.equal(hasManagedHosts(pod({ hostNetwork: true }), []), true);
});
