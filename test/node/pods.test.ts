/** What every pod needs, on every runtime: embedded and given, containerd 1.6 and 2.4. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { leaks, machineState } from "../../scripts/lib/leaks.ts";
import { run } from "../../scripts/lib/run.ts";
import { waitFor } from "../../scripts/lib/wait.ts";
import { networkNames, runtimePaths } from "../../src/adapters/containerd/index.ts";
import { detectHost } from "../../src/adapters/linux/index.ts";
import type { Pod } from "../../src/model/kubernetes.ts";
import {
  containerIds,
  containerOf,
  IMAGE,
  isReady,
  type RuntimeChoice,
  STAY,
  shellPod,
  TestNode,
} from "../support/kubelet.ts";

const RUNTIMES: readonly { readonly name: string; readonly runtime: RuntimeChoice }[] = [
  { name: "embedded containerd 1.6", runtime: "embedded" },
  { name: "embedded containerd 2.4", runtime: "embedded 2.4" },
  { name: "a given containerd 1.6", runtime: { release: "1.6" } },
  { name: "a given containerd 2.4", runtime: { release: "2.4" } },
];
const V1 = detectHost().cgroupVersion === 1;
const UID = "0f0e0d0c-1111-4222-8333-444455556666";
const never = new AbortController().signal;

/** One of everything that a pod is told. */
const FULL: Pod = shellPod(
  "full",
  `printf '%s\\n' "$@"; echo problem >&2; ${STAY}`,
  {
    args: ["--", "$(GREETING)", "two words"],
    env: [
      { name: "NAME", value: "world" },
      { name: "GREETING", value: "hello $(NAME), not $$(NAME), not $(MISSING)" },
      { name: "POD", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.name" } } },
      { name: "APP", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.labels['app']" } } },
      { name: "NODE", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "spec.nodeName" } } },
      { name: "IP", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "status.podIP" } } },
      { name: "MEMORY", valueFrom: { resourceFieldRef: { resource: "limits.memory" } } },
    ],
    workingDir: "/var",
    ports: [{ name: "web", containerPort: 8080 }],
    resources: { requests: { cpu: "100m", memory: "32Mi" }, limits: { cpu: "500m", memory: "64Mi" } },
  },
  {
    dnsPolicy: "None",
    dnsConfig: { nameservers: ["10.9.8.7"], searches: ["a.example"], options: [{ name: "ndots", value: "3" }] },
    hostAliases: [{ ip: "10.9.9.9", hostnames: ["alias", "other"] }],
  },
  { uid: UID, labels: { app: "full" }, annotations: { note: "kept" } },
);

for (const { name, runtime } of RUNTIMES) {
  describe(`a node on ${name}`, { concurrency: true }, () => {
    let node: TestNode;
    let clean: ReturnType<typeof machineState>;
    before(async () => {
      clean = machineState();
      node = await TestNode.start({ runtime, config: { podPidsLimit: 500 } });
    });
    after(async () => {
      const { folder, name: mark } = node.scratch;
      await node[Symbol.asyncDispose]();
      assert.deepEqual(leaks(clean, machineState(), [folder, mark]), []);
    });

    test("runs a pod as its manifest says, under upstream's names", async () => {
      node.put(FULL);
      const pod = await node.waitReady("full");
      const { status } = pod;
      assert.equal(status?.phase, "Running");
      assert.equal(status.qosClass, "Burstable");
      assert.equal(status.hostIP, node.address);
      assert.match(status.podIP ?? "", /^10\.202\.0\.\d+$/);
      const { main: id = "" } = containerIds(pod);
      assert.equal(containerOf(pod)?.containerID, `containerd://${id}`);

      const said = await node.waitLog("full", /problem[\s\S]*words|words[\s\S]*problem/);
      assert.deepEqual(
        said.split("\n").filter((line) => !line.includes("problem")),
        ["hello world, not $(NAME), not $(MISSING)", "two words", ""],
      );
      const seen = await node.exec("full", 'echo "$POD $APP $NODE $IP $MEMORY"; hostname; cat /etc/hostname; pwd');
      assert.equal(seen, `full-node full node ${status.podIP} 67108864\nfull-node\nfull-node\n/var\n`);
      assert.equal(
        await node.exec("full", "cat /etc/hosts"),
        [
          "# Kubernetes-managed hosts file.",
          "127.0.0.1\tlocalhost",
          "::1\tlocalhost ip6-localhost ip6-loopback",
          "fe00::0\tip6-localnet",
          "fe00::0\tip6-mcastprefix",
          "fe00::1\tip6-allnodes",
          "fe00::2\tip6-allrouters",
          `${status.podIP}\tfull-node`,
          "",
          "# Entries added by HostAliases.",
          "10.9.9.9\talias\tother",
          "",
        ].join("\n"),
      );
      assert.equal(
        await node.exec("full", "cat /etc/resolv.conf"),
        "search a.example\nnameserver 10.9.8.7\noptions ndots:3\n",
      );
      checkLogFiles(node, id);
      await checkRuntime(node, pod, id);
      if (V1) checkCgroups(node, id);
    });

    test("restarts what crashed, once at once and then with back-off", async () => {
      node.put(shellPod("crash", "echo attempt; echo 'it broke' >/dev/termination-log; exit 3"));
      const pod = await node.waitFor("crash", (one) => {
        const state = containerOf(one);
        return (
          state?.state?.waiting?.reason === "CrashLoopBackOff" && state.lastState?.terminated?.message !== undefined
        );
      });
      const { metadata, status } = pod;
      assert.equal(status?.phase, "Running");
      assert.equal(isReady(pod), false);
      const state = containerOf(pod);
      const who = `pod=crash-node_default(${metadata?.uid})`;
      assert.equal(state?.state?.waiting?.message, `back-off 10s restarting failed container=main ${who}`);
      assert.equal(state?.restartCount, 1);
      const ended = state.lastState?.terminated;
      assert.deepEqual([ended?.exitCode, ended?.reason, ended?.message], [3, "Error", "it broke\n"]);
      assert.equal(await node.logs("crash", "main", "?previous=true"), "attempt\n");
      const { stdout } = await node.verb("describe", "pod", "crash");
      assert.match(stdout, /back-off 10s/i);
    });

    test("ends as its restart policy says", async () => {
      node.put(shellPod("good", "exit 0", {}, { restartPolicy: "OnFailure" }));
      node.put(shellPod("bad", "exit 7", {}, { restartPolicy: "Never" }));
      node.put(
        shellPod(
          "again",
          "if [ -e /mem/x ]; then exit 0; fi; touch /mem/x; exit 1",
          { volumeMounts: [{ name: "mem", mountPath: "/mem" }] },
          { restartPolicy: "OnFailure", volumes: [{ name: "mem", emptyDir: {} }] },
        ),
      );
      const good = await node.waitPhase("good", "Succeeded");
      assert.equal(containerOf(good)?.state?.terminated?.reason, "Completed");
      const bad = await node.waitPhase("bad", "Failed");
      assert.deepEqual([containerOf(bad)?.restartCount, containerOf(bad)?.state?.terminated?.exitCode], [0, 7]);
      const again = await node.waitPhase("again", "Succeeded");
      assert.deepEqual([containerOf(again)?.restartCount, containerOf(again)?.lastState?.terminated?.exitCode], [1, 1]);
    });

    test("removes a pod with all it had when its file is gone", async () => {
      node.put(
        shellPod("brief", `echo up; trap 'echo asked to end; exit 0' TERM; while :; do sleep 1000 & wait $!; done`),
      );
      const pod = await node.waitReady("brief");
      await node.waitLog("brief", /up/);
      const { main: id = "" } = containerIds(pod);
      const uid = pod.metadata?.uid ?? "";
      const peer = (await node.exec("brief", "cat /sys/class/net/eth0/iflink")).trim();
      assert.ok((await interfaces()).includes(peer), `interface ${peer}`);
      assert.deepEqual(namesWith(ipamFolder(node), pod.status?.podIP ?? ""), [pod.status?.podIP]);
      const logs = join(node.podLogsDir, `default_brief-node_${uid}`);
      const dirs = [
        join(node.root, "pods", uid),
        logs,
        join(node.cgroup.folder("memory"), `kubepods/besteffort/pod${uid}`),
      ];
      for (const dir of V1 ? dirs : dirs.slice(0, 2)) assert.ok(existsSync(dir), dir);
      node.remove("brief");
      await node.waitGone("brief");
      const left = async () => [
        ...(await node.cri.runtime.listSandboxes(uid, never)),
        ...(await node.cri.runtime.listContainers(uid, never)),
        ...dirs.filter((dir) => existsSync(dir)),
        ...namesWith(node.containerLogsDir, id),
        ...namesWith(ipamFolder(node), pod.status?.podIP ?? ""),
        ...(await interfaces()).filter((index) => index === peer),
      ];
      await waitFor("all of the pod to go", async () => (await left()).length === 0, {
        explain: async () => JSON.stringify(await left()),
      });
    });

    test("kills what ignores the request to end, after its grace", async () => {
      node.put(
        shellPod(
          "deaf",
          "trap '' TERM; echo deaf; while :; do sleep 1; done",
          {},
          { terminationGracePeriodSeconds: 2 },
        ),
      );
      const pod = await node.waitReady("deaf");
      await node.waitLog("deaf", /deaf/);
      node.remove("deaf");
      const asked = performance.now();
      await node.waitGone("deaf");
      assert.ok(performance.now() - asked >= 1900, "it was killed before its grace was over");
      assert.deepEqual(await node.cri.runtime.listContainers(pod.metadata?.uid, never), []);
    });

    test("runs init containers one after another, then the others side by side", async () => {
      const mount = { volumeMounts: [{ name: "shared", mountPath: "/s" }] };
      const step = (name: string, line: string) => ({ name, image: IMAGE, command: ["sh", "-c", line], ...mount });
      node.put(
        shellPod(
          "steps",
          "",
          {},
          {
            initContainers: [
              step("one", "echo one >>/s/order; sleep 0.3; echo one-ends >>/s/order"),
              step(
                "two",
                "[ -e /s/failed ] || { echo two-fails >>/s/order; touch /s/failed; exit 1; }; echo two >>/s/order",
              ),
            ],
            containers: [
              step("left", `echo left >>/s/order; ${STAY}`),
              step("right", `echo right >>/s/order; ${STAY}`),
            ],
            volumes: [{ name: "shared", emptyDir: {} }],
          },
        ),
      );
      const pod = await node.waitReady("steps");
      await node.exec("steps", "while [ $(wc -l </s/order) -lt 6 ]; do sleep 0.1; done", "left");
      const lines = (await node.exec("steps", "cat /s/order", "right")).trim().split("\n");
      assert.deepEqual(lines.slice(0, 4), ["one", "one-ends", "two-fails", "two"]);
      assert.deepEqual(lines.slice(4).sort(), ["left", "right"]);
      assert.deepEqual(
        pod.status?.initContainerStatuses?.map(({ name, restartCount, state }) => [
          name,
          restartCount,
          state?.terminated?.reason,
        ]),
        [
          ["one", 0, "Completed"],
          ["two", 1, "Completed"],
        ],
      );
    });
  });
}

function checkLogFiles(node: TestNode, id: string): void {
  const file = join(node.podLogsDir, `default_full-node_${UID}/main/0.log`);
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d)`;
  assert.ok(
    lines.some((line) => new RegExp(`^${time} stdout F two words$`).test(line)),
    lines.join("\n"),
  );
  assert.ok(
    lines.some((line) => new RegExp(`^${time} stderr F problem$`).test(line)),
    lines.join("\n"),
  );
  const link = join(node.containerLogsDir, `full-node_default_main-${id}.log`);
  assert.equal(readlinkSync(link), file);
}

/** Names, labels and annotations in the runtime are an interface: tools and the Go kubelet read them. */
async function checkRuntime(node: TestNode, pod: Pod, id: string): Promise<void> {
  const sandboxes = await node.cri.runtime.listSandboxes(UID, never);
  assert.equal(sandboxes.length, 1);
  const labels = {
    "io.kubernetes.pod.name": "full-node",
    "io.kubernetes.pod.namespace": "default",
    "io.kubernetes.pod.uid": UID,
  };
  assert.deepEqual(sandboxes[0]?.metadata, { name: "full-node", namespace: "default", uid: UID, attempt: 0 });
  assert.deepEqual(sandboxes[0].labels, { ...labels, app: "full" });
  assert.deepEqual(sandboxes[0].annotations, {
    note: "kept",
    "kubernetes.io/config.hash": UID,
    "kubernetes.io/config.seen": pod.metadata?.annotations?.["kubernetes.io/config.seen"],
    "kubernetes.io/config.source": "file",
  });
  const container = await node.cri.runtime.containerStatus(id, never);
  assert.deepEqual([container.name, container.attempt], ["main", 0]);
  assert.deepEqual(container.labels, { ...labels, "io.kubernetes.container.name": "main" });
  assert.deepEqual(container.annotations, {
    "io.kubernetes.container.hash": "7137f3a7",
    "io.kubernetes.container.ports": '[{"name":"web","containerPort":8080,"protocol":"TCP"}]',
    "io.kubernetes.container.restartCount": "0",
    "io.kubernetes.container.terminationMessagePath": "/dev/termination-log",
    "io.kubernetes.container.terminationMessagePolicy": "File",
    "io.kubernetes.pod.terminationGracePeriod": "5",
  });
  assert.equal(container.logPath, join(node.podLogsDir, `default_full-node_${UID}/main/0.log`));
  const termination = container.mounts.find(({ containerPath }) => containerPath === "/dev/termination-log");
  assert.match(termination?.hostPath ?? "", new RegExp(`^${node.root}/pods/${UID}/containers/main/[0-9a-f]{8}$`));
}

function checkCgroups(node: TestNode, id: string): void {
  const group = `kubepods/burstable/pod${UID}`;
  const read = (controller: string, file: string) =>
    readFileSync(join(node.cgroup.folder(controller), group, file), "utf8").trim();
  for (const inner of ["", `${id}/`]) {
    assert.equal(read("cpu", `${inner}cpu.shares`), "102");
    assert.equal(read("cpu", `${inner}cpu.cfs_quota_us`), "50000");
    assert.equal(read("memory", `${inner}memory.limit_in_bytes`), "67108864");
  }
  assert.equal(read("pids", "pids.max"), "500");
  assert.notEqual(read("memory", `${id}/cgroup.procs`), "");
}

const namesWith = (folder: string, part: string): readonly string[] =>
  existsSync(folder) ? readdirSync(folder).filter((name) => name.includes(part)) : [];

/** host-local names a file after each address it gave. */
function ipamFolder(node: TestNode): string {
  if (node.containerd) return node.scratch.path("cd/ipam/pods");
  return join(runtimePaths(node.root).cniNetworks, networkNames(node.root).network);
}

/** Network interfaces of the node by their numbers, which are not used twice. */
async function interfaces(): Promise<readonly string[]> {
  return (await run("ip", ["-o", "link"])).split("\n").flatMap((line) => /^(\d+):/.exec(line)?.[1] ?? []);
}
