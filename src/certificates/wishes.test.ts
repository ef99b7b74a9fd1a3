import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeAddress } from "../model/kubernetes.ts";
import { isSameWish, pauseAfter, rotationTime, shortfall } from "./schedule.ts";
import { digestedName } from "./signing-request.ts";
import { clientWish, servingWish } from "./wishes.ts";

const address = (type: string, text: string): NodeAddress => ({ type, address: text });

const served: readonly [
  name: string,
  addresses: readonly NodeAddress[],
  dnsOnly: boolean,
  names: readonly [readonly string[], readonly string[]] | undefined,
][] = [
  ["nothing", [], false, undefined],
  ["a name only", [address("Hostname", "n")], false, undefined],
  ["a name only, by the old gate", [address("Hostname", "n")], true, [["n"], []]],
  ["name and address", [address("InternalIP", "10.0.0.1"), address("Hostname", "n")], false, [["n"], ["10.0.0.1"]]],
  ["a host name that is an address", [address("Hostname", "10.0.0.2")], false, [[], ["10.0.0.2"]]],
  [
    "all kinds, sorted, each once, spelt one way",
    [
      address("InternalIP", "FD00:0::1"),
      address("ExternalIP", "1.2.3.4"),
      address("InternalIP", "1.2.3.4"),
      address("ExternalDNS", "b.example.com"),
      address("InternalDNS", "a.internal"),
      address("InternalDNS", ""),
    ],
    false,
    [
      ["a.internal", "b.example.com"],
      ["1.2.3.4", "fd00::1"],
    ],
  ],
  ["what is no address", [address("InternalIP", "here"), address("Unknown", "10.0.0.1")], true, undefined],
];
for (const [name, addresses, dnsOnly, names] of served) {
  test(`servingWish() of ${name}`, () => {
    const wish = servingWish("n", addresses, { dnsOnly });
    assert.deepEqual(wish && [wish.dnsNames, wish.ipAddresses], names);
    if (wish) assert.deepEqual([wish.commonName, wish.organizations], ["system:node:n", ["system:nodes"]]);
  });
}

const facts = {
  commonName: "system:node:n",
  organizations: ["system:nodes", "more"],
  dnsNames: ["n", "m"],
  ipAddresses: ["fd00::1"],
  notBefore: new Date(1000_000),
  notAfter: new Date(2000_000),
};
test("shortfall() names what a certificate lacks, and minds no more", () => {
  const wish = { ...clientWish("n"), dnsNames: ["n"], ipAddresses: ["FD00::1"] };
  assert.equal(shortfall(facts, wish), undefined);
  assert.equal(
    shortfall(facts, { ...wish, dnsNames: ["x"], ipAddresses: ["10.0.0.1"] }),
    "it does not name x, 10.0.0.1",
  );
  assert.match(shortfall(facts, clientWish("o")) ?? "", /^it is for "system:node:n", not for "system:node:o"$/);
  assert.ok(isSameWish(wish, { ...wish }) && !isSameWish(wish, undefined) && isSameWish(undefined, undefined));
});

test("rotationTime() lies between 70 and 90 % of the life", () => {
  assert.equal(rotationTime(facts, { fraction: () => 0 }).getTime(), 1700_000);
  assert.equal(Math.round(rotationTime(facts, { fraction: () => 1 }).getTime()), 1900_000);
});

test("pauseAfter() doubles from 2 s and stays at 32 s", () => {
  const seconds = [1, 2, 3, 4, 5, 6, 100].map((failures) => pauseAfter(failures, { fraction: () => 0 }) / 1000);
  assert.deepEqual(seconds, [2, 4, 8, 16, 32, 32, 32]);
});

test("digestedName() is the Go kubelet's for the same key, subject and usages", () => {
  // Computed by a Go program with the calls of upstream's pkg/kubelet/certificate/bootstrap.
  const key = `-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIE7HFjT2KF2Kzl/OAnE8LogkqSMxqtW8ioFnmpswBBTpoAoGCCqGSM49
AwEHoUQDQgAEPuJjhRmp7G4Ykwjfk2dCN0ocg2iFI/VZAOcQzqh+zAcfCIVbiU4T
BM1tJ/LcZBHO0Krz5zYkooYbUyuQNMzMAg==
-----END EC PRIVATE KEY-----
`;
  assert.equal(
    digestedName(key, clientWish("n"), ["digital signature", "client auth"]),
    "node-csr-e3ZiZ5VxoOzINRphT0TW8FmGgeyl3mHWVyne3Svoecs",
  );
});
