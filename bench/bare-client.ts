/** The floor: a pod made by the CRI calls alone, in the order a kubelet makes them, with what a kubelet would tell the runtime. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { runtime } from "../src/adapters/cri/generated/cri.js";
import * as methods from "../src/adapters/cri/methods.ts";
import { COMMAND, IMAGE, type Lane } from "./lane.ts";
import { isStart } from "./runtime-watch.ts";

export class BareClient {
  readonly lane: Lane;
  readonly #hosts: string;
  readonly #logs: string;
  #made = 0;

  constructor(lane: Lane) {
    this.lane = lane;
    this.#hosts = join(lane.folder, "etc-hosts");
    this.#logs = join(lane.folder, "logs");
    writeFileSync(this.#hosts, "127.0.0.1 localhost\n");
  }

  /** Resolves when StartContainer has answered. */
  async runPod(name: string): Promise<void> {
    const { client } = this.lane;
    const sandboxConfig = this.#sandbox(name);
    const { podSandboxId } = await client.call(methods.runPodSandbox, { config: sandboxConfig });
    await client.call(methods.podSandboxStatus, { podSandboxId });
    await client.call(methods.imageStatus, { image: { image: IMAGE } });
    mkdirSync(join(this.#logs, name, "main"), { recursive: true });
    const config = this.#container(name);
    const { containerId } = await client.call(methods.createContainer, { podSandboxId, config, sandboxConfig });
    await client.call(methods.startContainer, { containerId });
  }

  /** So many pods, a few of them at any time. Returns milliseconds from the first call to the start of the last container. */
  async runPods(count: number): Promise<number> {
    const names = Array.from({ length: count }, () => `many-${this.#made++}`);
    const started = this.lane.watch.some(`${count} containers of the bare client`, count, isStart);
    const before = Date.now();
    await fewAtATime(names, (name) => this.runPod(name));
    return Math.max(...(await started).map(({ at }) => at)) - before;
  }

  /** Ends all pods as one that is deleted ends, a few at any time. Returns milliseconds. */
  async removeAll(): Promise<number> {
    const { client } = this.lane;
    const { containers } = await client.call(methods.listContainers, {});
    const before = performance.now();
    await fewAtATime(containers ?? [], async ({ id = "", podSandboxId = "" }) => {
      await client.call(methods.stopContainer, { containerId: id, timeout: 5 });
      await client.call(methods.stopPodSandbox, { podSandboxId });
      await client.call(methods.removeContainer, { containerId: id });
      await client.call(methods.removePodSandbox, { podSandboxId });
    });
    return performance.now() - before;
  }

  #sandbox(name: string): runtime.v1.PodSandboxConfig.$Properties {
    return {
      metadata: { name, uid: name, namespace: "default", attempt: 0 },
      hostname: name,
      logDirectory: join(this.#logs, name),
      dnsConfig: { servers: ["10.201.0.1"], searches: [], options: [] },
      labels: labels(name),
      linux: {
        cgroupParent: join(this.lane.cgroupRoot, "besteffort", `pod${name}`),
        securityContext: { namespaceOptions: { network: 0, pid: 1, ipc: 0 }, seccomp: { profileType: 0 } },
        resources: { cpuShares: 2 },
      },
    };
  }

  #container(name: string): runtime.v1.ContainerConfig.$Properties {
    return {
      metadata: { name: "main", attempt: 0 },
      image: { image: IMAGE, userSpecifiedImage: IMAGE },
      command: [...COMMAND],
      envs: [{ key: "KUBERNETES_SERVICE_HOST", value: Buffer.from("10.0.0.1") }],
      mounts: [{ containerPath: "/etc/hosts", hostPath: this.#hosts }],
      labels: { ...labels(name), "io.kubernetes.container.name": "main" },
      logPath: "main/0.log",
      linux: {
        resources: { cpuShares: 2, oomScoreAdj: 1000 },
        securityContext: { namespaceOptions: { network: 0, pid: 1, ipc: 0 }, seccomp: { profileType: 1 } },
      },
    };
  }
}

/** More of them at once take no less time on two processors. */
const WIDTH = 4;

async function fewAtATime<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: WIDTH }, worker));
}

const labels = (name: string) => ({
  "io.kubernetes.pod.name": name,
  "io.kubernetes.pod.namespace": "default",
  "io.kubernetes.pod.uid": name,
});
