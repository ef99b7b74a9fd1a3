import assert from "node:assert/strict";
import { test } from "node:test";
import { type DriverFacts, driverInConfig, embeddedCgroupDriver } from "./cgroup-driver.ts";

const BARE: DriverFacts = { given: undefined, cgroupVersion: 2, systemd: true, before: undefined };
const CASES: readonly { readonly name: string; readonly facts: Partial<DriverFacts>; readonly driver: string }[] = [
  { name: "systemd on a machine with systemd and cgroup v2", facts: {}, driver: "systemd" },
  { name: "cgroupfs without systemd", facts: { systemd: false }, driver: "cgroupfs" },
  { name: "cgroupfs on cgroup v1", facts: { cgroupVersion: 1 }, driver: "cgroupfs" },
  { name: "what it was", facts: { before: "cgroupfs" }, driver: "cgroupfs" },
  { name: "what somebody set, whatever it was", facts: { before: "systemd", given: "cgroupfs" }, driver: "cgroupfs" },
];
for (const { name, facts, driver } of CASES)
  test(`embeddedCgroupDriver() is ${name}`, () => assert.equal(embeddedCgroupDriver({ ...BARE, ...facts }), driver));

test("driverInConfig() reads what containerdConfig() writes", () => {
  assert.equal(driverInConfig('BinaryName = "runc"\nSystemdCgroup = true\n'), "systemd");
  assert.equal(driverInConfig("SystemdCgroup = false"), "cgroupfs");
  assert.equal(driverInConfig("version = 2\n"), undefined);
});
