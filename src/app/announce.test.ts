import assert from "node:assert/strict";
import { test } from "node:test";
import { type StartFacts, startEvents } from "./announce.ts";

const facts: StartFacts = {
  cgroupVersion: 2,
  cgroupsPerQOS: false,
  resolvConf: "/etc/resolv.conf",
  resolvConfText: "nameserver 10.0.0.1\n",
  clusterDomain: "",
};
const rows: readonly { readonly name: string; readonly over: Partial<StartFacts>; readonly reasons: string[] }[] = [
  { name: "a plain node", over: {}, reasons: ["Starting"] },
  { name: "bounded pods", over: { cgroupsPerQOS: true }, reasons: ["Starting", "NodeAllocatableEnforced"] },
  { name: "cgroup v1", over: { cgroupVersion: 1 }, reasons: ["Starting", "CgroupV1"] },
  { name: "no resolver file", over: { resolvConfText: undefined }, reasons: ["Starting"] },
  {
    name: "a search path longer than pods can take",
    over: { resolvConfText: `search ${Array.from({ length: 40 }, (_, n) => `d${n}.example`).join(" ")}\n` },
    reasons: ["Starting", "CheckLimitsForResolvConf"],
  },
];
for (const { name, over, reasons } of rows) {
  test(`startEvents() of ${name}`, () =>
    assert.deepEqual(
      startEvents({ ...facts, ...over }).map(({ reason }) => reason),
      reasons,
    ));
}
