/** What the tests in a virtual machine share: the kubelet to test, its configuration, pods, and how to look at what runs. */
import type { TestContext } from "node:test";
import { buildKubelet } from "../../scripts/build.ts";
import { BUSYBOX_IMAGE } from "../../scripts/lib/vm/image-files.ts";
import type { Vm } from "../../scripts/lib/vm/vm.ts";
import { waitFor } from "../../scripts/lib/wait.ts";
import type { Pod } from "../../src/model/kubernetes.ts";

/** An emulated machine on a busy one: minutes are the unit of patience. */
export const PATIENCE_MS = 300_000;
export const PODS = "/etc/kubelet/pods";
export const NODE_NAME = "vm";

/** The kubelet's one file, of this machine's sources. */
export async function kubeletFile(): Promise<string> {
  return (await buildKubelet(undefined, process.env.KUBELET_TS_DIST)).launcher;
}

/** A node without a cluster on the machine's own containerd, as a person would write it. */
export const STANDALONE_CONFIG = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: systemd
staticPodPath: ${PODS}
`;

/** A pod of one container that stays until it is told to end. */
export function stayingPod(name: string, spec: Partial<NonNullable<Pod["spec"]>> = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      terminationGracePeriodSeconds: 5,
      containers: [
        {
          name: "main",
          image: BUSYBOX_IMAGE,
          command: ["sh", "-c", "trap 'exit 0' TERM; echo started; while :; do sleep 1000 & wait $!; done"],
        },
      ],
      ...spec,
    },
  };
}

/** Puts a manifest into the folder whole, by a rename. */
export async function putPod(vm: Vm, pod: Pod, folder = PODS): Promise<void> {
  const name = `${pod.metadata?.name}.json`;
  await vm.write(`${folder}/.${name}`, JSON.stringify(pod));
  await vm.run(`mv '${folder}/.${name}' '${folder}/${name}'`);
}

/** Pods as the kubelet shows them over its local socket. */
export async function podsOf(vm: Vm): Promise<readonly Pod[]> {
  const body = await vm.run("curl -sSf --max-time 20 --unix-socket /var/lib/kubelet/kubelet.sock http://kubelet/pods");
  return JSON.parse(body).items;
}

/** The static pod of that name, as soon as it is ready. */
export async function readyPod(vm: Vm, name: string, timeout = PATIENCE_MS): Promise<Pod> {
  let last: Pod | undefined;
  const look = async () => {
    last = (await podsOf(vm)).find(({ metadata }) => metadata?.name === `${name}-${NODE_NAME}`);
    return last?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") && last;
  };
  const explain = async () => `${JSON.stringify(last?.status)}\n${await vm.explain()}`;
  return await waitFor(`pod ${name} to be ready`, look, { timeout, interval: 500, explain });
}

export function restartsOf(pod: Pod): number {
  return (pod.status?.containerStatuses ?? []).reduce((sum, { restartCount = 0 }) => sum + restartCount, 0);
}

/** Containers that run, sandboxes too, with the pid of each: asked of containerd, as no kubelet can talk about it. */
export async function tasksOf(vm: Vm): Promise<Readonly<Record<string, number>>> {
  const lines = (await vm.run("ctr -n k8s.io tasks ls")).trim().split("\n").slice(1);
  const rows = lines.map((line) => line.trim().split(/\s+/));
  return Object.fromEntries(
    rows.flatMap(([id = "", pid, status]) => (status === "RUNNING" ? [[id, Number(pid)]] : [])),
  );
}

/** A property of the kubelet's unit, as systemd has it. */
export async function unitProperty(vm: Vm, property: string, unit = "kubelet"): Promise<string> {
  return (await vm.run(`systemctl show --value -p ${property} ${unit}`)).trim();
}

/**
 * Steps of one story on one machine, each a test of its own. What a machine has to say goes into the failure; after one, the steps that build on it fail at
 * once instead of waiting for what can't come.
 */
export function stepsOf(t: TestContext, vm: Vm): (name: string, work: () => Promise<void>) => Promise<void> {
  let broken: string | undefined;
  return async (name, work) => {
    await t.test(name, async () => {
      if (broken !== undefined) throw new Error(`not tried: "${broken}" failed before`);
      try {
        await work();
      } catch (error) {
        broken = name;
        const told = error instanceof Error ? error : new Error(String(error));
        if (!told.message.includes("the end of its journal")) told.message += `\n${await vm.explain()}`;
        throw told;
      }
    });
  };
}
