import assert from "node:assert/strict";
import { test } from "node:test";
import { KubeletError } from "../base/fault.ts";
import { loadConfig } from "../config/index.ts";
import type { Examiner } from "../fitness/index.ts";
import type { HostSetup } from "../ports/host-setup.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { runFake } from "./fake-io.ts";
import type { HostTools } from "./io.ts";

const never = new AbortController().signal;
const facts = { cgroupVersion: 2, hostname: "node", cwd: "/" } as const;
const FILES: { readonly [path: string]: string } = {
  "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory hugetlb pids",
  "/sys/fs/cgroup/cgroup.subtree_control": "cpuset cpu io memory hugetlb pids",
  "/proc/filesystems": "nodev\toverlay\n",
  "/proc/1/comm": "systemd\n",
  "/proc/swaps": "Filename\n",
  "/etc/resolv.conf": "nameserver 10.0.0.2\n",
  "/proc/sys/net/ipv4/ip_forward": "1",
  "/proc/sys/net/bridge/bridge-nf-call-iptables": "1",
};

interface Over {
  readonly files?: { readonly [path: string]: string };
  readonly runtime?: Examiner["runtime"];
  /** Kubeconfig, "" for none; files that kubeadm or install left. */
  readonly there?: readonly string[];
}

/** A machine of canned answers, on which all is well. */
async function doctor(line: string, over: Over = {}) {
  const time = new VirtualTime();
  const files = { ...FILES, ...over.files };
  const asked: string[][] = [];
  const examiner: HostTools["examiner"] = async (flags) => {
    asked.push([...flags]);
    const loaded = await loadConfig({
      argv: flags,
      facts,
      readFile: async () => "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n",
      listConfigDir: async () => [],
    });
    if (loaded.kind !== "run") return undefined;
    return {
      config: loaded.config,
      host: { cgroupVersion: 2, kernel: "6.1.0", glibc: "2.36", root: true },
      clock: time.clock(never),
      machine: {
        text: async (path) => files[path],
        names: async () => [],
        hasProgram: async () => true,
        portHolder: async () => undefined,
        isClockSynchronized: async () => true,
        space: async () => ({ capacityBytes: 2 ** 40, availableBytes: 2 ** 39, inodes: 0, inodesFree: 0 }),
        lookup: async () => ["10.0.0.3"],
        ask: () => assert.fail("no server is named"),
      },
      runtime: over.runtime ?? (async () => ({ facts: { embedded: true, endpoint: "" }, driver: undefined })),
      identity: async () => undefined,
      reservations: async () => [],
      clientCaTrouble: async () => undefined,
    };
  };
  const setup = {
    kind: async (path: string) => (over.there?.includes(path) ? "file" : undefined),
    read: async (path: string) => over.files?.[path],
  } as HostSetup;
  const host = async () => ({ setup: () => setup, purge: () => assert.fail("nobody asked for it"), examiner });
  const running = runFake(line, { host }, never);
  await time.runUntil(60_000, () => {});
  return { ...(await running), asked };
}

test("a fit machine: each finding, and code 0", async () => {
  const { code, out } = await doctor("doctor");
  assert.equal(code, 0, out);
  assert.match(out, /^ok {7}swap +off$/m);
  assert.match(out, /\n0 problems, 0 warnings\n$/);
});

test("a problem comes last, with what to do, and code 1", async () => {
  const { code, out } = await doctor("doctor", { files: { "/proc/swaps": "Filename\n/dev/sda2 partition 1 0 -2\n" } });
  assert.equal(code, 1);
  assert.match(out, /\nPROBLEM {2}swap +on \(\/dev\/sda2\), .*\n +-> turn it off .*\n\n1 problem, 0 warnings\n$/);
});

test("flags of the kubelet count", async () => {
  const swap = { "/proc/swaps": "Filename\n/dev/sda2 partition 1 0 -2\n" };
  assert.equal((await doctor("doctor --fail-swap-on=false", { files: swap })).code, 0);
});

test("-o json is for programs", async () => {
  const { out } = await doctor("doctor -o json --max-pods=7");
  const { fit, flags, findings } = JSON.parse(out);
  assert.deepEqual([fit, flags], [true, ["--max-pods=7"]]);
  assert.deepEqual(
    findings.filter(({ about }: { about: string }) => about === "swap"),
    [{ about: "swap", level: "ok", found: "off" }],
  );
  assert.match((await doctor("doctor -o nope")).complaints, /choose text, json, yaml/);
});

test("without flags it looks as the machine was set up", async () => {
  const kubeadm = await doctor("doctor", { there: ["/var/lib/kubelet/config.yaml"] });
  assert.ok(kubeadm.asked[0]?.includes("--kubeconfig=/etc/kubernetes/kubelet.conf"));
  const standalone = await doctor("doctor", { there: ["/etc/kubelet/config.yaml"] });
  assert.deepEqual(standalone.asked[0], ["--config=/etc/kubelet/config.yaml"]);
  const unit = "ExecStart=/usr/local/bin/kubelet \\\n  --max-pods=20 \\\n  $KUBELET_EXTRA_ARGS\n";
  const flags = await doctor("doctor", { files: { "/etc/systemd/system/kubelet.service": unit } });
  assert.deepEqual(flags.asked[0], ["--max-pods=20"]);
});

test("without flags, those count that kubeadm and the administrator put into files", async () => {
  const there = ["/var/lib/kubelet/config.yaml"];
  const flags = 'KUBELET_KUBEADM_ARGS="--node-ip=10.0.0.2 --pod-infra-container-image=registry.k8s.io/pause:3.10"\n';
  const files = { "/var/lib/kubelet/kubeadm-flags.env": flags, "/etc/default/kubelet": "KUBELET_EXTRA_ARGS=--v=4\n" };
  const { code, out, asked } = await doctor("doctor", { there, files });
  assert.equal(code, 1);
  assert.match(out, /^PROBLEM +configuration +--pod-infra-container-image is no flag of this version any more/m);
  assert.match(out, /kubeadm-flags\.env/);
  assert.equal(asked[0]?.at(-1), "--v=4");
});

test("a configuration that is wrong is told by field, and the rest is looked at all the same", async () => {
  const { code, out } = await doctor("doctor --max-pods=-3 --nope=1");
  assert.equal(code, 1);
  assert.match(out, /^PROBLEM +configuration +maxPods must be/m);
  assert.match(out, /^PROBLEM +configuration +--nope is no known flag/m);
  assert.match(out, /^ok +swap/m);
});

test("what hangs, and what breaks, is a finding and keeps nothing else", async () => {
  const hangs = await doctor("doctor", { runtime: () => new Promise(() => {}) });
  assert.match(hangs.out, /^warning +runtime +no answer within 10 s$/m);
  assert.match(hangs.out, /^ok +swap/m);
  const broken = await doctor("doctor", {
    runtime: () => Promise.reject(new KubeletError("Cannot", { code: "start-refused", what: "x" })),
  });
  assert.match(broken.out, /^warning +runtime +can't be looked at: Cannot$/m);
});
