import assert from "node:assert/strict";
import { test } from "node:test";
import { isOfPods, parseBootTime, parseInterfaces, parseLimit, usageV1, usageV2 } from "./usage-text.ts";

test("usageV1() counts what is below, and leaves out what the kernel can drop", () => {
  const stat =
    "cache 5\nrss 1\ninactive_file 1\ntotal_rss 300\ntotal_inactive_file 400\ntotal_swap 50\ntotal_pgfault 7\ntotal_pgmajfault 2\n";
  const texts = { cpuacctUsage: "12345\n", usage: "1000\n", limit: "2000\n", stat, swapLimit: "2500\n", pids: "3\n" };
  assert.deepEqual(usageV1(texts, 9), {
    at: 9,
    cpuNanos: 12345,
    memory: {
      usageBytes: 1000,
      workingSetBytes: 600,
      rssBytes: 300,
      limitBytes: 2000,
      pageFaults: 7,
      majorPageFaults: 2,
    },
    swap: { usageBytes: 50, limitBytes: 500 },
    processes: 3,
  });
});

test("usageV1() takes the kernel's largest number for no limit, and no file for nothing known", () => {
  const none = "9223372036854771712\n";
  const { memory, swap } = usageV1(
    { usage: "10", limit: none, swapLimit: none, stat: "total_inactive_file 20\ntotal_swap 0\n" },
    0,
  );
  assert.deepEqual([memory?.workingSetBytes, memory?.limitBytes, swap?.limitBytes], [0, undefined, undefined]);
  assert.deepEqual(usageV1({}, 1), {
    at: 1,
    cpuNanos: undefined,
    memory: undefined,
    swap: undefined,
    processes: undefined,
  });
});

test("usageV2() reads the same of the other files", () => {
  const stat = "anon 300\nfile 500\ninactive_file 400\npgfault 7\npgmajfault 2\n";
  const cpuStat = "usage_usec 12\nuser_usec 5\n";
  const texts = { cpuStat, usage: "1000", limit: "max\n", stat, swapUsage: "50", swapLimit: "80", pids: "3" };
  assert.deepEqual(usageV2(texts, 9, undefined), {
    at: 9,
    cpuNanos: 12000,
    memory: {
      usageBytes: 1000,
      workingSetBytes: 600,
      rssBytes: 300,
      limitBytes: undefined,
      pageFaults: 7,
      majorPageFaults: 2,
    },
    swap: { usageBytes: 50, limitBytes: 80 },
    processes: 3,
  });
});

test("usageV2() takes the root's memory from meminfo", () => {
  const meminfo =
    "MemTotal:  8 kB\nMemFree:   3 kB\nInactive(file):  1 kB\nAnonPages: 2 kB\nSwapTotal: 4 kB\nSwapFree: 4 kB\n";
  const { memory, swap } = usageV2({ cpuStat: "usage_usec 1\n" }, 0, meminfo);
  assert.deepEqual([memory?.usageBytes, memory?.workingSetBytes, memory?.rssBytes], [5120, 4096, 2048]);
  assert.deepEqual(swap, { usageBytes: 0, limitBytes: undefined });
});

test("parseLimit() knows numbers only", () => {
  assert.deepEqual(["7\n", "max", "", undefined, "x"].map(parseLimit), [7, undefined, undefined, undefined, undefined]);
});

test("parseInterfaces() reads net/dev and leaves the loopback out", () => {
  const text = [
    "Inter-|   Receive                                                |  Transmit",
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed",
    "    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0",
    "  eth0:    1000      10    2    0    0     0          0         0     3000      30    4    0    0     0       0          0",
    "veth1a:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
    "broken: 1 2",
  ].join("\n");
  const found = parseInterfaces(text);
  assert.deepEqual(found, [
    { name: "eth0", rxBytes: 1000, rxErrors: 2, txBytes: 3000, txErrors: 4 },
    { name: "veth1a", rxBytes: 1, rxErrors: 3, txBytes: 9, txErrors: 11 },
  ]);
  assert.deepEqual(found.map(isOfPods), [false, true]);
});

test("parseBootTime() is in milliseconds", () =>
  assert.equal(parseBootTime("cpu 1 2\nbtime 1700000000\n"), 1_700_000_000_000));
