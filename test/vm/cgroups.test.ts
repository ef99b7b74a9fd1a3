/** Both cgroup drivers on systemd and cgroup v2: names, hierarchy and values as the Go kubelet makes them, and nothing left behind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bootVm, type Vm } from "../../scripts/lib/vm/vm.ts";
import type { Pod } from "../../src/model/kubernetes.ts";
import { kubeletFile, PODS as MANIFESTS, PATIENCE_MS, putPod, readyPod, stayingPod, stepsOf } from "./support.ts";

const MIB = 1 << 20;

interface Wanted {
  readonly name: string;
  readonly resources: object;
  /** Of the pod's cgroup. */
  readonly files: { readonly [file: string]: string };
}
/** A CPU quota is in whole percents for systemd, which can hold no other: it is rounded up. */
const ROUNDED: { readonly [driver: string]: string } = { systemd: "134000 100000", cgroupfs: "133300 100000" };
const PODS: readonly (Wanted & { readonly qos: "" | "burstable" | "besteffort" })[] = [
  {
    name: "guaranteed",
    qos: "",
    resources: { limits: { cpu: "1", memory: "64Mi" } },
    files: { "cpu.weight": "39", "cpu.max": "100000 100000", "memory.max": `${64 * MIB}`, "pids.max": "123" },
  },
  {
    name: "burstable",
    qos: "burstable",
    resources: { requests: { cpu: "100m", memory: "32Mi" }, limits: { cpu: "1333m", memory: "48Mi" } },
    files: { "cpu.weight": "4", "cpu.max": "rounded", "memory.max": `${48 * MIB}`, "pids.max": "123" },
  },
  {
    name: "besteffort",
    qos: "besteffort",
    resources: {},
    files: { "cpu.weight": "1", "cpu.max": "max 100000", "memory.max": "max", "pids.max": "123" },
  },
];
const UID = { guaranteed: "aaaa-1", burstable: "bbbb-2", besteffort: "cccc-3" } as { readonly [name: string]: string };

const config = (driver: string) => `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
staticPodPath: ${MANIFESTS}
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: ${driver}
podPidsLimit: 123
systemReserved: { cpu: 100m, memory: 128Mi }
`;

const manifest = ({ name, resources }: Wanted): Pod => {
  const { metadata, spec, ...pod } = stayingPod(name, { hostNetwork: true, terminationGracePeriodSeconds: 1 });
  const containers = (spec?.containers ?? []).map((container) => ({ ...container, resources }));
  return { ...pod, metadata: { ...metadata, uid: UID[name] as string }, spec: { ...spec, containers } };
};

/** Where a pod's cgroup is, below /sys/fs/cgroup. */
const PLACES: { readonly [driver: string]: (qos: string, uid: string) => string } = {
  systemd(qos, uid) {
    const between = qos === "" ? "" : `kubepods-${qos}.slice/`;
    return `kubepods.slice/${between}kubepods-${qos === "" ? "" : `${qos}-`}pod${uid.replaceAll("-", "_")}.slice`;
  },
  cgroupfs: (qos, uid) => `kubepods/${qos === "" ? "" : `${qos}/`}pod${uid}`,
};
const placeOf = ({ name, qos }: (typeof PODS)[number], driver: string): string =>
  PLACES[driver]?.(qos, UID[name] ?? "") ?? "";

/** Of the container below its pod's. */
const CONTAINER: { readonly [driver: string]: string } = { systemd: "cri-containerd-*.scope/", cgroupfs: "*/" };

async function startKubelet(vm: Vm, driver: "systemd" | "cgroupfs"): Promise<void> {
  await vm.write("/etc/kubelet-test.yaml", config(driver));
  await vm.run("systemd-run --unit=kubelet-test -p KillMode=process /share/kubelet --config=/etc/kubelet-test.yaml");
}

const filesOf = async (vm: Vm, path: string, names: readonly string[]): Promise<Record<string, string>> => {
  const text = await vm.run(`cd /sys/fs/cgroup/${path} && for f in ${names.join(" ")}; do echo "$f=$(cat $f)"; done`);
  return Object.fromEntries(
    text
      .trim()
      .split("\n")
      .map((line) => line.split("=", 2) as [string, string]),
  );
};

const wantedOf = ({ files }: Wanted, driver: string): Record<string, string | undefined> => ({
  ...files,
  ...(files["cpu.max"] === "rounded" ? { "cpu.max": ROUNDED[driver] } : {}),
});

async function runPods(vm: Vm, driver: "systemd" | "cgroupfs"): Promise<void> {
  for (const pod of PODS) await putPod(vm, manifest(pod));
  for (const pod of PODS) {
    await readyPod(vm, pod.name, 2 * PATIENCE_MS);
    const place = placeOf(pod, driver);
    assert.deepEqual(await filesOf(vm, place, Object.keys(pod.files)), wantedOf(pod, driver), pod.name);
    const controllers = (await filesOf(vm, place, ["cgroup.controllers"]))["cgroup.controllers"]?.split(" ") ?? [];
    for (const controller of ["cpu", "cpuset", "memory", "pids", "hugetlb"])
      assert.ok(controllers.includes(controller), `${pod.name} has no ${controller}: ${controllers}`);
    // Sandbox and container, each in a cgroup of its own in the pod's.
    const inside = await vm.run(`ls -d /sys/fs/cgroup/${place}/${CONTAINER[driver]}`);
    assert.equal(inside.trim().split("\n").length, 2, `${pod.name}: ${inside}`);
  }
}

async function removePods(vm: Vm, kubepods: string): Promise<void> {
  await vm.run(`rm ${MANIFESTS}/*.json`);
  const find = `find /sys/fs/cgroup/${kubepods} -mindepth 1 -type d -name '*pod[abc]*'`;
  assert.notEqual(await vm.run(find), "");
  await vm.until("the pods' cgroups to be gone", `! ${find} | grep .`, PATIENCE_MS);
}

test("cgroups of pods on systemd and cgroup v2", { timeout: 1_200_000 }, async (t) => {
  await using vm = await bootVm({ files: { kubelet: await kubeletFile() } });
  await vm.run(`mkdir -p ${MANIFESTS}`);
  const step = stepsOf(t, vm);

  await step("the systemd driver makes slices with upstream's names and values", async () => {
    await startKubelet(vm, "systemd");
    await runPods(vm, "systemd");
    const burstable = await filesOf(vm, "kubepods.slice/kubepods-burstable.slice", ["cpu.weight", "cpu.max"]);
    assert.deepEqual(burstable, { "cpu.weight": "4", "cpu.max": "max 100000" });
    const bestEffort = await filesOf(vm, "kubepods.slice/kubepods-besteffort.slice", ["cpu.weight", "memory.max"]);
    assert.deepEqual(bestEffort, { "cpu.weight": "1", "memory.max": "max" });
    const show = "systemctl show -p Id,ActiveState,Transient,CPUWeight,CPUQuotaPerSecUSec,MemoryMax,TasksMax";
    const unit = (await vm.run(`${show} kubepods-podaaaa_1.slice`)).trim().split("\n");
    assert.deepEqual(unit.sort(), [
      ...["ActiveState=active", "CPUQuotaPerSecUSec=1s", "CPUWeight=39", "Id=kubepods-podaaaa_1.slice"],
      ...[`MemoryMax=${64 * MIB}`, "TasksMax=123", "Transient=yes"],
    ]);
  });

  await step("usage is read from the slices", async () => {
    const ask = "curl -sSf --max-time 30 --unix-socket /var/lib/kubelet/kubelet.sock http://kubelet/stats/summary";
    const { node, pods } = JSON.parse(await vm.run(ask));
    for (const { name } of PODS) {
      const pod = pods.find(({ podRef }: { podRef: { uid: string } }) => podRef.uid === UID[name]);
      assert.ok(
        pod?.memory?.workingSetBytes > 0 && pod?.cpu?.usageCoreNanoSeconds > 0,
        `${name}: ${JSON.stringify(pod)}`,
      );
    }
    const all = node.systemContainers.find(({ name }: { name: string }) => name === "pods");
    assert.ok(all?.memory?.workingSetBytes > 0, JSON.stringify(node.systemContainers));
  });

  await step("a new systemd in the old one's place leaves the values as they are", async () => {
    await vm.run("systemctl daemon-reexec");
    for (const pod of PODS) {
      const files = await filesOf(vm, placeOf(pod, "systemd"), Object.keys(pod.files));
      assert.deepEqual(files, wantedOf(pod, "systemd"), pod.name);
    }
  });

  await step("of removed pods systemd has nothing left", async () => {
    await removePods(vm, "kubepods.slice");
    const list = "systemctl list-units --all --plain --no-legend 'kubepods*' 'cri-containerd*'";
    const left = (await vm.run(`${list} | cut -d' ' -f1`)).trim().split("\n");
    assert.deepEqual(left.sort(), ["kubepods-besteffort.slice", "kubepods-burstable.slice", "kubepods.slice"]);
  });

  await step("the cgroupfs driver makes and removes its cgroups beside systemd's", async () => {
    const toml = "/etc/containerd/config.toml";
    await vm.run(`systemctl stop kubelet-test && sed -i 's/SystemdCgroup.*/SystemdCgroup = false/' ${toml}`);
    await vm.run("systemctl restart containerd");
    await startKubelet(vm, "cgroupfs");
    await runPods(vm, "cgroupfs");
    await removePods(vm, "kubepods");
  });
});
