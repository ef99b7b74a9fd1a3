/** The machine goes down: logind waits for the kubelet, and pods stop in order of their priority. What happened is read from the disk after the next boot. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BUSYBOX_IMAGE } from "../../scripts/lib/vm/image-files.ts";
import { bootVm } from "../../scripts/lib/vm/vm.ts";
import type { Pod } from "../../src/model/kubernetes.ts";
import { kubeletFile, PODS, putPod, readyPod, STANDALONE_CONFIG, stayingPod } from "./support.ts";

const STORY = "/var/story";
const GRACES = [
  { priority: 0, shutdownGracePeriodSeconds: 60 },
  { priority: 1000, shutdownGracePeriodSeconds: 45 },
];

/** Writes what it is told, and when it has done what it does then. */
const tellingPod = (name: string, priority: number, onStop: string): Pod =>
  stayingPod(name, {
    hostNetwork: true,
    priority,
    terminationGracePeriodSeconds: 40,
    volumes: [
      { name: "story", hostPath: { path: STORY } },
      { name: "pods", hostPath: { path: PODS } },
    ],
    containers: [
      {
        name: "main",
        image: BUSYBOX_IMAGE,
        command: [
          "sh",
          "-c",
          `trap 'say told; ${onStop}; say done; exit 0' TERM; ${SAY(name)}; while :; do sleep 0.2; done`,
        ],
        volumeMounts: [
          { name: "story", mountPath: "/story" },
          { name: "pods", mountPath: "/pods" },
        ],
      },
    ],
  });
const SAY = (name: string) => `say() { echo "${name} $1" >> /story/lines; sync; }`;

test("pods stop in order of their priority before the machine powers off", { timeout: 900_000 }, async () => {
  await using vm = await bootVm({ files: { kubelet: await kubeletFile() } });
  await vm.run(`mkdir -p ${STORY} ${PODS}`);
  await vm.write(
    "/etc/kubelet/config.yaml",
    `${STANDALONE_CONFIG}shutdownGracePeriodByPodPriority: ${JSON.stringify(GRACES)}\n`,
  );
  await vm.run("systemd-run --unit=kubelet-test -p KillMode=process /share/kubelet --config=/etc/kubelet/config.yaml");
  const inhibitors = "systemd-inhibit --list --no-pager --no-legend";
  const held = await vm.until("the kubelet's inhibitor", `${inhibitors} | grep '^kubelet '`, 180_000);
  assert.match(held, /shutdown\s+Kubelet needs time to handle node shutdown\s+delay/);
  assert.equal(
    await vm.read("/etc/systemd/logind.conf.d/99-kubelet.conf"),
    "# Kubelet logind override\n[Login]\nInhibitDelayMaxSec=105\n",
  );

  // The first to stop leaves another pod behind, which is too late.
  await vm.write(`${STORY}/late.json`, JSON.stringify(stayingPod("late", { hostNetwork: true })));
  await putPod(vm, tellingPod("low", 5, "cp /story/late.json /pods/late.json; sleep 6"));
  await putPod(vm, tellingPod("high", 5000, "sleep 6"));
  await readyPod(vm, "low");
  await readyPod(vm, "high");
  const ask = "curl -sSf --max-time 5 --unix-socket /var/lib/kubelet/kubelet.sock http://kubelet/pods";
  const look = `${ask} -o ${STORY}/new && sync ${STORY}/new && mv ${STORY}/new ${STORY}/pods`;
  await vm.run(`systemd-run --unit=looks sh -c 'while :; do ${look}; sleep 0.5; done'`);
  await vm.poweroff();
  await vm.start();

  const lines = (await vm.read(`${STORY}/lines`)).trim().split("\n");
  assert.deepEqual(lines, ["low told", "low done", "high told", "high done"]);
  const pods: readonly Pod[] = JSON.parse(await vm.read(`${STORY}/pods`)).items;
  const statusOf = (name: string) => pods.find(({ metadata }) => metadata?.name === `${name}-vm`)?.status;
  const message = "Pod was terminated in response to imminent node shutdown.";
  const low = statusOf("low");
  assert.deepEqual([low?.phase, low?.reason, low?.message], ["Failed", "Terminated", message]);
  assert.equal(low?.containerStatuses?.[0]?.state?.terminated?.exitCode, 0);
  const disruption = low?.conditions?.find(({ type }) => type === "DisruptionTarget");
  assert.deepEqual(
    [disruption?.status, disruption?.reason, disruption?.message],
    ["True", "TerminationByKubelet", message],
  );
  const late = statusOf("late");
  assert.deepEqual(
    [late?.phase, late?.reason, late?.message],
    ["Failed", "NodeShutdown", "Pod was rejected: Pod was rejected as the node is shutting down."],
  );
  const { startTime, endTime } = JSON.parse(await vm.read("/var/lib/kubelet/graceful_node_shutdown_state"));
  const took = Date.parse(endTime) - Date.parse(startTime);
  assert.ok(took >= 12_000 && took < 105_000, `took ${took} ms`);
  const journal = await vm.run("journalctl -b -1 -u kubelet-test --no-pager");
  assert.match(journal, /Shutdown manager detected shutdown event/);
});
