import assert from "node:assert/strict";
import { test } from "node:test";
import type { InterfaceAddress } from "../ports/node-facts.ts";
import { type AddressFacts, chooseAddresses } from "./address.ts";
import { goAddress } from "./ip-kinds.ts";

const at = (name: string, address: string): InterfaceAddress => ({
  interface: name,
  address,
  family: address.includes(":") ? 6 : 4,
  loopback: name === "lo",
});
const BASE: AddressFacts = {
  nodeName: "node-1",
  nodeIps: [],
  externalCloudProvider: false,
  before: [],
  interfaces: [
    at("lo", "127.0.0.1"),
    at("lo", "::1"),
    at("eth0", "fe80::1"),
    at("eth0", "fd00::2"),
    at("eth0", "192.0.2.2"),
    at("eth1", "198.51.100.7"),
  ],
  routes: [
    { interface: "eth0", family: 4 },
    { interface: "eth0", family: 6 },
  ],
  resolved: [],
};
const OLD = [{ type: "InternalIP", address: "203.0.113.9" }];

const cases: readonly (readonly [name: string, facts: Partial<AddressFacts>, expected: string | readonly string[]])[] =
  [
    ["the default route's address", {}, ["192.0.2.2", "node-1"]],
    ["IPv6 where that is preferred", { nodeIps: ["::"] }, ["fd00::2", "node-1"]],
    ["IPv4 where that is preferred", { nodeIps: ["0.0.0.0"] }, ["192.0.2.2", "node-1"]],
    ["the one that is given", { nodeIps: ["198.51.100.7"] }, ["198.51.100.7", "node-1"]],
    ["both that are given", { nodeIps: ["192.0.2.2", "FD00:0::2"] }, ["192.0.2.2", "fd00::2", "node-1"]],
    ["a name that is an address", { nodeName: "10.9.9.9" }, ["10.9.9.9", "10.9.9.9"]],
    ["what the name resolves to", { resolved: ["127.0.1.1", "198.51.100.7"] }, ["198.51.100.7", "node-1"]],
    ["the preferred family of a name", { resolved: ["fd00::2", "192.0.2.2"] }, ["192.0.2.2", "node-1"]],
    ["the other family where there is no more", { resolved: ["fd00::2"] }, ["fd00::2", "node-1"]],
    ["a name of another host does not count", { resolved: ["203.0.113.1"] }, ["192.0.2.2", "node-1"]],
    [
      "loopback's global address behind a route of link-local ones",
      {
        interfaces: [at("lo", "127.0.0.1"), at("lo", "192.0.2.50"), at("eth0", "169.254.1.1")],
        routes: [{ interface: "eth0", family: 4 }],
      },
      ["192.0.2.50", "node-1"],
    ],
    ["no table of routes: any interface", { routes: undefined }, ["192.0.2.2", "node-1"]],
    [
      "no default route",
      { routes: [] },
      `can't get ip address of node node-1. error: no default routes found in "/proc/net/route" or "/proc/net/ipv6_route"`,
    ],
    [
      "routes without an address",
      { routes: [{ interface: "wg0", family: 4 }] },
      "can't get ip address of node node-1. error: unable to select an IP from default routes.",
    ],
    ["loopback given", { nodeIps: ["127.0.0.1"] }, "failed to validate nodeIP: nodeIP can't be loopback address"],
    ["multicast given", { nodeIps: ["ff02::1"] }, "failed to validate nodeIP: nodeIP can't be a multicast address"],
    [
      "link-local given",
      { nodeIps: ["169.254.0.7"] },
      "failed to validate nodeIP: nodeIP can't be a link-local unicast address",
    ],
    [
      "another host's as the second",
      { nodeIps: ["192.0.2.2", "fd00::99"] },
      `failed to validate secondaryNodeIP: node IP: "fd00::99" not found in the host's network interfaces`,
    ],
    ["a cloud provider's addresses stay", { externalCloudProvider: true, before: OLD }, ["203.0.113.9"]],
    ["a cloud provider still has to come", { externalCloudProvider: true }, ["node-1"]],
    [
      "a cloud provider still has to come, an address is given",
      { externalCloudProvider: true, nodeIps: ["192.0.2.2"] },
      ["192.0.2.2", "node-1"],
    ],
  ];

for (const [name, facts, expected] of cases)
  test(`chooseAddresses(): ${name}`, () => {
    const choice = chooseAddresses({ ...BASE, ...facts });
    const told = "problem" in choice ? choice.problem : choice.addresses.map(({ address }) => address);
    assert.deepEqual(told, expected);
  });

test("chooseAddresses() names the types", () => {
  const choice = chooseAddresses({ ...BASE, nodeIps: ["192.0.2.2", "fd00::2"] });
  assert.deepEqual("addresses" in choice && choice.addresses.map(({ type }) => type), [
    "InternalIP",
    "InternalIP",
    "Hostname",
  ]);
});

const addresses: readonly (readonly [given: string, printed: string])[] = [
  ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["0:0:0:0:0:0:0:1", "::1"],
  ["fe80:0:0:0:0:0:0:0", "fe80::"],
  ["::ffff:10.1.2.3", "10.1.2.3"],
  ["64:ff9b::10.1.2.3", "64:ff9b::a01:203"],
  ["010.001.002.003", "10.1.2.3"],
];
for (const [given, printed] of addresses)
  test(`goAddress() prints ${given} as ${printed}`, () => assert.equal(goAddress(given), printed));
