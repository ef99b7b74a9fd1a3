import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryInUse, memoryLines, prettyName, threadsOf } from "./proc-text.ts";
import { defaultRoutesOf } from "./routes.ts";

const MEMINFO = "MemTotal:       1000 kB\nMemFree:         400 kB\nInactive(file):  100 kB\nHugePages_Total:   3\n";

test("memoryLines() reads kilobytes and counts", () => {
  assert.deepEqual(memoryLines(MEMINFO), {
    MemTotal: 1_024_000,
    MemFree: 409_600,
    "Inactive(file)": 102_400,
    HugePages_Total: 3,
  });
});

test("memoryInUse() leaves out file pages nobody looks at", () => {
  const v1 = "inactive_file 1\nactive_file 5\ntotal_inactive_file 200\n";
  assert.equal(memoryInUse("1000", v1, MEMINFO), 800);
  assert.equal(memoryInUse("", "inactive_file 14400\n", MEMINFO), 600_000);
  assert.equal(memoryInUse("", "", MEMINFO), 512_000);
  assert.equal(memoryInUse("100", v1, MEMINFO), 0);
});

test("threadsOf() counts all tasks", () => {
  assert.equal(threadsOf("0.00 0.01 0.05 2/311 12345\n"), 311);
  assert.equal(threadsOf(""), 0);
});

test("prettyName() is what os-release calls the system", () => {
  assert.equal(
    prettyName('NAME="x"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'),
    "Debian GNU/Linux 12 (bookworm)",
  );
  assert.equal(prettyName("PRETTY_NAME=Alpine\n"), "Alpine");
  assert.equal(prettyName("NAME=x"), "Linux");
});

test("defaultRoutesOf() finds the interfaces of default routes, IPv4 first", () => {
  const zero = "0".repeat(32);
  const ipv4 = [
    "Iface\tDestination\tGateway\tFlags",
    "eth1\t0000A8C0\t00000000\t0001",
    "eth0\t00000000\t010200C0\t0003",
    "",
  ].join("\n");
  const ipv6 = [
    `${zero} 00 ${zero} 00 ${"f".repeat(32)} 00000400 00000001 00000000 00000003 eth2`,
    `${zero} 00 ${zero} 00 ${zero} ffffffff 00000001 00000000 00200200 lo`,
    `fd${zero.slice(2)} 40 ${zero} 00 ${zero} 00000100 00000001 00000000 00000001 eth3`,
  ].join("\n");
  assert.deepEqual(defaultRoutesOf(ipv4, ipv6), [
    { interface: "eth0", family: 4 },
    { interface: "eth2", family: 6 },
  ]);
  assert.deepEqual(defaultRoutesOf("Iface\n", ""), []);
});
