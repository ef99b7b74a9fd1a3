import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { PodSpec } from "../model/kubernetes.ts";
import type { DnsConfig } from "../model/runtime.ts";
import { type NodeDns, podDns } from "./dns.ts";
import { DNS_LIMITS, nodeDnsWarnings, withinDnsLimits } from "./dns-limits.ts";
import { parseResolvConf } from "./resolv-conf.ts";

const pod = (spec: Partial<PodSpec>) => ({
  metadata: { name: "web", namespace: "shop", uid: "u1" },
  spec: { containers: [], ...spec },
});
const resolver: DnsConfig = { servers: ["9.9.9.9"], searches: ["lan"], options: ["edns0"] };
const node: NodeDns = { resolver, clusterDns: ["10.96.0.10"], clusterDomain: "cl", nodeIps: ["1.2.3.4"] };
const CLUSTER: DnsConfig = {
  servers: ["10.96.0.10"],
  searches: ["shop.svc.cl", "svc.cl", "cl", "lan"],
  options: ["ndots:5"],
};

const cases: readonly [name: string, spec: Partial<PodSpec>, node: NodeDns, expected: DnsConfig, reasons: string[]][] =
  [
    ["Default", { dnsPolicy: "Default" }, node, resolver, []],
    ["ClusterFirst", { dnsPolicy: "ClusterFirst" }, node, CLUSTER, []],
    ["ClusterFirst on the node's network", { dnsPolicy: "ClusterFirst", hostNetwork: true }, node, resolver, []],
    ["ClusterFirstWithHostNet", { dnsPolicy: "ClusterFirstWithHostNet", hostNetwork: true }, node, CLUSTER, []],
    ["an unknown policy", { dnsPolicy: "Whatever" }, node, CLUSTER, []],
    [
      "ClusterFirst without a domain",
      { dnsPolicy: "ClusterFirst" },
      { ...node, clusterDomain: "" },
      { ...CLUSTER, searches: ["lan"] },
      [],
    ],
    [
      "ClusterFirst without a cluster server",
      { dnsPolicy: "ClusterFirst" },
      { ...node, clusterDns: [] },
      resolver,
      ["MissingClusterDNS", "MissingClusterDNS"],
    ],
    [
      "ClusterFirst on a node without a cluster",
      { dnsPolicy: "ClusterFirst" },
      { ...node, clusterDns: [], standalone: true },
      resolver,
      [],
    ],
    ["None", { dnsPolicy: "None" }, node, { servers: [], searches: [], options: [] }, []],
    [
      "None with a configuration of its own",
      {
        dnsPolicy: "None",
        dnsConfig: { nameservers: ["1.1.1.1", "1.1.1.1"], options: [{ name: "a", value: "2" }, { name: "b" }] },
      },
      node,
      { servers: ["1.1.1.1"], searches: [], options: ["a:2", "b"] },
      [],
    ],
    [
      "the pod's additions last, its options first",
      { dnsPolicy: "ClusterFirst", dnsConfig: { searches: ["cl", "my"], options: [{ name: "ndots", value: "2" }] } },
      node,
      { ...CLUSTER, searches: [...CLUSTER.searches, "my"], options: ["ndots:2"] },
      [],
    ],
    [
      "this machine without a resolver file",
      { dnsPolicy: "Default" },
      { ...node, resolver: undefined, nodeIps: ["1.2.3.4", "fd00::1"] },
      { servers: ["127.0.0.1", "::1"], searches: ["."], options: [] },
      [],
    ],
    [
      "at most three servers",
      { dnsPolicy: "None", dnsConfig: { nameservers: ["1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4"] } },
      node,
      { servers: ["1.1.1.1", "2.2.2.2", "3.3.3.3"], searches: [], options: [] },
      ["DNSConfigForming"],
    ],
  ];
for (const [name, spec, of, expected, reasons] of cases) {
  test(`podDns() gives ${name}`, () => {
    const { dns, warnings } = podDns(pod(spec), of);
    assert.deepEqual(dns, expected);
    assert.deepEqual(
      warnings.map(({ reason }) => reason),
      reasons,
    );
  });
}

test("podDns() names the pod and the policy when there is no cluster server", () => {
  const { warnings } = podDns(pod({ dnsPolicy: "ClusterFirst" }), { ...node, clusterDns: [] });
  const text =
    'kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. Falling back to "Default" policy.';
  assert.deepEqual(
    warnings.map(({ message }) => message),
    [text, `pod: "web_shop(u1)". ${text}`],
  );
});

test("parseResolvConf() adds servers, keeps the last search line, merges options", () => {
  const text =
    "# c\nnameserver 1.1.1.1\n  nameserver 2.2.2.2 x\nsearch a b\nsearch c. . d\noptions ndots:1 x\noptions ndots:2\nsortlist 1";
  assert.deepEqual(parseResolvConf(text), {
    servers: ["1.1.1.1", "2.2.2.2"],
    searches: ["c", "d"],
    options: ["ndots:2", "x"],
  });
  assert.throws(() => parseResolvConf("nameserver\n"), /nameserver list is empty/);
});

test("withinDnsLimits() never leaves more than resolvers can take", () => {
  const domain = fc.string({ minLength: 1, maxLength: 300 }).map((text) => text.replace(/ /g, "x"));
  fc.assert(
    fc.property(fc.array(domain, { maxLength: 50 }), fc.array(domain, { maxLength: 6 }), (searches, servers) => {
      const { dns, warnings } = withinDnsLimits({ servers, searches, options: [] }, { kind: "node" });
      assert.ok(dns.servers.length <= 3 && dns.searches.length <= 32);
      assert.ok(dns.searches.join(" ").length <= DNS_LIMITS.searchCharacters);
      const cut = dns.searches.length < searches.length || dns.servers.length < servers.length;
      assert.equal(warnings.length > 0, cut);
    }),
  );
});

test("nodeDnsWarnings() looks at count, length of one, length of all", () => {
  const many = Array.from({ length: 30 }, (_, index) => `d${index}`);
  const warn = (searches: readonly string[], domain = "cl") =>
    nodeDnsWarnings("/etc/resolv.conf", { servers: [], searches, options: [] }, domain).map(({ message }) => message);
  assert.deepEqual(warn(["lan"]), []);
  assert.deepEqual(warn(many), [
    "Resolv.conf file '/etc/resolv.conf' contains search line consisting of more than 29 domains!",
  ]);
  assert.deepEqual(warn(many, ""), []);
  assert.match(warn(["x".repeat(254)])[0] ?? "", /more than allowed 253 chars/);
  assert.match(warn(Array.from({ length: 20 }, (_, index) => `${index}${"x".repeat(120)}`))[0] ?? "", /2048 chars/);
});
