import assert from "node:assert/strict";
import { test } from "node:test";
import { type CgroupFacts, type DriverFacts, judgeCgroups, judgeDriver } from "./cgroups.ts";
import type { Finding } from "./finding.ts";
import { judgeKernel, judgeLimits, judgeModules, judgeSwap, judgeSysctls, swapsOf } from "./kernel.ts";
import { judgeClock, judgeNodeName, judgePort, judgeResolver, judgeServer } from "./network.ts";
import {
  type IdentityFacts,
  judgeClientCa,
  judgeIdentity,
  judgePrograms,
  judgeRuntime,
  judgeSpace,
  type RuntimeFacts,
} from "./node.ts";

const now = new Date("2026-11-30T12:00:00Z");
const inDays = (days: number) => new Date(now.getTime() + days * 86_400_000);

const v2: CgroupFacts = {
  version: 2,
  hybrid: false,
  controllers: ["cpuset", "cpu", "io", "memory", "hugetlb", "pids"],
  handedOn: ["cpuset", "cpu", "io", "memory", "hugetlb", "pids"],
  failCgroupV1: true,
};
const v1: CgroupFacts = {
  version: 1,
  hybrid: true,
  controllers: ["cpuset", "cpu", "cpuacct", "blkio", "memory", "devices", "freezer", "hugetlb", "pids"],
  handedOn: [],
  failCgroupV1: false,
};
const driver: DriverFacts = { configured: "systemd", runtime: "systemd", embedded: false, systemd: true };
const sysctls = {
  "net.ipv4.ip_forward": "1\n",
  "net.bridge.bridge-nf-call-iptables": "1",
  "vm.overcommit_memory": "1",
  "vm.panic_on_oom": "0",
  "kernel.panic": "10",
  "kernel.panic_on_oops": "1",
};
const plain = { embedded: false, protectKernelDefaults: false };
const limits = {
  "fs.inotify.max_user_watches": "65536",
  "fs.inotify.max_user_instances": "8192",
  "fs.file-max": "9223372036854775807",
  "kernel.pid_max": "4194304",
  "kernel.threads-max": "60000",
};
const space = { capacityBytes: 100 * 2 ** 30, availableBytes: 50 * 2 ** 30, inodes: 1000, inodesFree: 900 };
const disk = { what: "root directory", path: "/r", space, available: "10%", inodesFree: "5%" };
const identity: IdentityFacts = {
  kubeconfig: "/k",
  trouble: undefined,
  notAfter: inDays(200),
  bootstrap: undefined,
  rotates: true,
  now,
};
const version = { name: "containerd", version: "2.1", apiVersion: "v1" };
const runtime: RuntimeFacts = { embedded: false, endpoint: "unix:///s", version };
const good = { status: true, reason: "", message: "" };
const server = { url: "https://a:6443", status: 200, asked: now, answered: now };
const at = (span: number) => new Date(now.getTime() + span);
const dns = (...servers: string[]) => ({ servers, searches: [], options: [] });

/** What is judged, and each finding as "level: a part of its words", "warning" and "problem" only where all else is well. */
const cases: readonly (readonly [name: string, findings: readonly Finding[], ...expected: RegExp[]])[] = [
  ["cgroup v2", judgeCgroups(v2)],
  ["cgroup v1, allowed", judgeCgroups(v1), /^warning .*version 1 is deprecated/],
  [
    "cgroup v1, not allowed",
    judgeCgroups({ ...v1, failCgroupV1: true }),
    /^problem .*failCgroupV1 is true .*unified_cgroup_hierarchy/,
  ],
  [
    "no memory controller",
    judgeCgroups({ ...v2, controllers: ["cpu", "cpuset", "io", "pids", "hugetlb"] }),
    /^problem .*missing: memory .*cgroup_enable=memory/,
  ],
  [
    "no controllers at all",
    judgeCgroups({ ...v2, controllers: [], handedOn: [] }),
    /^problem .*no controllers/,
    /^warning .*hugetlb io/,
  ],
  [
    "controllers kept at the root",
    judgeCgroups({ ...v2, handedOn: ["cpu"] }),
    /^warning .*not handed on.*cpuset memory pids/,
  ],

  ["drivers agree", judgeDriver(driver)],
  [
    "drivers differ",
    judgeDriver({ ...driver, configured: "cgroupfs" }),
    /^warning .*which is used.*cgroupDriver: systemd/,
  ],
  ["two masters", judgeDriver({ ...driver, configured: "cgroupfs", runtime: "cgroupfs" }), /^warning .*two masters/],
  ["no systemd to ask", judgeDriver({ ...driver, systemd: false }), /^problem .*without systemd/],
  ["a runtime that does not tell", judgeDriver({ ...driver, runtime: undefined })],
  ["our own runtime", judgeDriver({ ...driver, runtime: undefined, embedded: true, systemd: false })],

  ["kernel 6.1", judgeKernel("6.1.0-18-amd64", 2)],
  ["kernel 4.18", judgeKernel("4.18.0", 1), /^problem .*4\.19/],
  ["kernel 5.4 with v2", judgeKernel("5.4.0", 2), /^warning .*5\.8/],
  ["kernel 5.4 with v1", judgeKernel("5.4.0", 1)],

  ["modules", judgeModules({ overlay: true, bridgeNetfilter: true, loadable: true })],
  [
    "modules to load",
    judgeModules({ overlay: false, bridgeNetfilter: false, loadable: true }),
    /^warning .*modprobe overlay/,
    /^warning .*modprobe br_netfilter/,
  ],
  [
    "no overlay to load",
    judgeModules({ overlay: false, bridgeNetfilter: true, loadable: false }),
    /^problem .*CONFIG_OVERLAY_FS/,
  ],

  ["sysctls", judgeSysctls(sysctls, plain)],
  [
    "no forwarding",
    judgeSysctls({ ...sysctls, "net.ipv4.ip_forward": "0" }, plain),
    /^problem .*sysctl -w net\.ipv4\.ip_forward=1/,
  ],
  [
    "no forwarding, our own runtime",
    judgeSysctls({ ...sysctls, "net.ipv4.ip_forward": "0" }, { ...plain, embedded: true }),
  ],
  ["a restart at once after a panic", judgeSysctls({ ...sysctls, "kernel.panic": "-1" }, plain)],
  ["no panic", judgeSysctls({ ...sysctls, "kernel.panic": "0" }, plain), /^warning .*kernel\.panic=10/],
  [
    "no panic, protected",
    judgeSysctls({ ...sysctls, "kernel.panic": "0" }, { ...plain, protectKernelDefaults: true }),
    /^problem .*kernel\.panic=10/,
  ],
  [
    "few keys",
    judgeSysctls({ ...sysctls, "kernel.keys.root_maxkeys": "200", "kernel.keys.root_maxbytes": "99000000" }, plain),
    /^warning .*root_maxkeys=1000000/,
  ],
  ["a sysctl that is not there", judgeSysctls({ ...sysctls, "net.bridge.bridge-nf-call-iptables": undefined }, plain)],

  ["limits", judgeLimits(limits, 524_288)],
  [
    "few inotify instances",
    judgeLimits({ ...limits, "fs.inotify.max_user_instances": "128" }, 524_288),
    /^warning .*max_user_instances=512/,
  ],
  ["few open files", judgeLimits(limits, 1024), /^warning .*at most 1024.*LimitNOFILE/],

  ["no swap", judgeSwap(true, [])],
  ["swap", judgeSwap(true, ["/dev/sda2"]), /^problem .*\/dev\/sda2.*swapoff -a/],
  ["swap, allowed", judgeSwap(false, ["/dev/sda2"])],

  ["a free port", judgePort({ option: "port", port: 10250, taken: undefined, ownPid: undefined })],
  [
    "a port of nginx",
    judgePort({ option: "port", port: 10250, taken: { pid: 7, name: "nginx" }, ownPid: 8 }),
    /^problem .*nginx \(pid 7\).*set port/,
  ],
  [
    "a port of who knows",
    judgePort({ option: "port", port: 10250, taken: {}, ownPid: undefined }),
    /^problem .*another program/,
  ],
  [
    "a port of the kubelet",
    judgePort({ option: "port", port: 10250, taken: { pid: 7, name: "kubelet" }, ownPid: undefined }),
  ],
  [
    "a port of ours under another name",
    judgePort({ option: "port", port: 10250, taken: { pid: 7, name: "node" }, ownPid: 7 }),
  ],

  ["a resolver", judgeResolver("/r", dns("10.0.0.2"), "", [])],
  ["no resolver wanted", judgeResolver("", undefined, "", [])],
  ["no resolver file", judgeResolver("/r", undefined, "it is not there", []), /^problem .*\/r: it is not there/],
  [
    "systemd's stub",
    judgeResolver("/r", dns("127.0.0.53"), "", []),
    /^problem .*loop.*\/run\/systemd\/resolve\/resolv\.conf/,
  ],
  ["a local resolver", judgeResolver("/r", dns("10.0.0.2", "::1"), "", []), /^problem .*::1.*servers behind it/],
  ["no server", judgeResolver("/r", dns(), "", []), /^warning .*names no server/],
  [
    "too much of a search line",
    judgeResolver("/r", dns("10.0.0.2"), "", ["too many domains"]),
    /^warning .*too many domains/,
  ],

  ["a node name", judgeNodeName("node-1.lan", ["10.0.0.3"], false)],
  ["a node name without address", judgeNodeName("node-1", [], false), /^warning .*no address here/],
  ["the same without a cluster", judgeNodeName("node-1", [], true)],
  ["a node name with _", judgeNodeName("node_1", ["10.0.0.3"], false), /^problem .*hostname-override/],
  ["localhost", judgeNodeName("localhost", ["127.0.0.1"], true), /^warning .*hostnamectl/],

  ["a clock", judgeClock({ synchronized: true, now })],
  ["a clock that nobody keeps", judgeClock({ synchronized: false, now }), /^warning .*not synchronised/],
  ["a clock of 1970", judgeClock({ synchronized: true, now: new Date(5e6) }), /^problem .*in the past/],
  ["a clock of which nothing is known", judgeClock({ synchronized: undefined, now })],

  ["an API server with our time", judgeServer({ ...server, date: at(-900) })],
  ["an API server without a date", judgeServer(server)],
  ["an API server 10 s ahead", judgeServer({ ...server, date: at(10_000) }), /^warning clock: 10 s behind/],
  ["an API server 10 min behind", judgeServer({ ...server, date: at(-600_000) }), /^problem clock: 599 s ahead of/],
  [
    "an API server with another CA",
    judgeServer({ ...server, trouble: "self-signed certificate in certificate chain" }),
    /^problem .*not the CA of this server/,
  ],
  ["an API server that is not known", judgeServer({ ...server, trouble: "getaddrinfo ENOTFOUND a" }), /^problem .*DNS/],
  [
    "an API server that is away",
    judgeServer({ ...server, trouble: "connect ECONNREFUSED" }),
    /^problem .*whether the API server runs/,
  ],

  ["a disk", judgeSpace(disk)],
  [
    "a disk that is full",
    judgeSpace({ ...disk, space: { ...space, availableBytes: 9 * 2 ** 30 } }),
    /^problem .*evictionHard \(10%\)/,
  ],
  [
    "a disk that is nearly full",
    judgeSpace({ ...disk, space: { ...space, availableBytes: 12 * 2 ** 30 } }),
    /^warning .*little more/,
  ],
  ["a threshold as an amount", judgeSpace({ ...disk, available: "60Gi" }), /^problem .*evictionHard \(60Gi\)/],
  ["no inodes", judgeSpace({ ...disk, space: { ...space, inodesFree: 10 } }), /^problem .*10 inodes free of 1000/],
  ["a file system that counts no inodes", judgeSpace({ ...disk, space: { ...space, inodes: 0, inodesFree: 0 } })],
  [
    "a file system that hangs",
    judgeSpace({ ...disk, space: undefined, trouble: "it does not answer" }),
    /^problem .*it does not answer/,
  ],

  ["an identity", judgeIdentity(identity)],
  ["an identity that ends, rotated", judgeIdentity({ ...identity, notAfter: inDays(3) })],
  [
    "an identity that ends",
    judgeIdentity({ ...identity, notAfter: inDays(3), rotates: false }),
    /^warning .*rotateCertificates: true/,
  ],
  ["a token", judgeIdentity({ ...identity, notAfter: undefined })],
  [
    "no kubeconfig",
    judgeIdentity({ ...identity, trouble: "there is no kubeconfig /k" }),
    /^problem .*give --bootstrap-kubeconfig/,
  ],
  [
    "no kubeconfig, but a way to one",
    judgeIdentity({ ...identity, trouble: "no", bootstrap: { path: "/b", there: true } }),
  ],
  [
    "neither",
    judgeIdentity({ ...identity, trouble: "no", bootstrap: { path: "/b", there: false } }),
    /^problem .*kubeadm join/,
  ],
  ["no client CA wanted", judgeClientCa("", undefined)],
  ["a client CA", judgeClientCa("/ca", undefined)],
  ["no client CA", judgeClientCa("/ca", "there is no such file"), /^problem .*clientCAFile/],

  ["a runtime", judgeRuntime({ ...runtime, ready: good, network: good, cniConfigs: ["10-x.conflist"] })],
  [
    "a runtime that is not there",
    judgeRuntime({ ...runtime, trouble: "ENOENT" }),
    /^problem .*start the runtime at unix/,
  ],
  [
    "parts of our own that are missing",
    judgeRuntime({ embedded: true, endpoint: "", trouble: "runc not found" }),
    /^problem .*install what is missing/,
  ],
  ["our own, not started", judgeRuntime({ embedded: true, endpoint: "" })],
  [
    "a runtime that is not ready",
    judgeRuntime({ ...runtime, ready: { ...good, status: false, message: "no" } }),
    /^problem .*journalctl/,
  ],
  [
    "a runtime without a network",
    judgeRuntime({ ...runtime, ready: good, network: { ...good, status: false, message: "cni" }, cniConfigs: [] }),
    /^warning pod network: cni; .*holds no configuration/,
  ],

  ["programs", judgePrograms(["mount", "umount", "losetup", "iptables", "modprobe"])],
  ["no mount", judgePrograms(["umount", "losetup", "iptables", "modprobe"]), /^problem .*apt-get install mount/],
  ["no iptables", judgePrograms(["mount", "umount", "losetup", "modprobe"]), /^warning .*apt-get install iptables/],
];
for (const [name, findings, ...expected] of cases) {
  test(name, () => {
    const bad = findings.filter(({ level }) => level !== "ok");
    const lines = bad.map(({ level, about, found, advice }) => `${level} ${about}: ${found} ${advice}`);
    assert.equal(lines.length, expected.length, lines.join("\n"));
    for (const [index, words] of expected.entries()) assert.match(lines[index] ?? "", words);
    for (const { advice, level } of findings)
      assert.equal(advice === undefined, level === "ok", "bad news come with advice");
  });
}

test("/proc/swaps names what swaps", () => {
  assert.deepEqual(swapsOf("Filename\tType\tSize\n/dev/sda2 partition 1 0 -2\n/swap file 1 0 -3\n"), [
    "/dev/sda2",
    "/swap",
  ]);
  assert.deepEqual(swapsOf("Filename\tType\tSize\n"), []);
  assert.deepEqual(swapsOf(""), []);
});
