/** The floor: a pod made by the CRI calls alone, in the order a kubelet makes them, with what a kubelet would tell the runtime. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { runtime } from "../src/adapters/cri/generated/cri.js";
import * as methods from "../src/adapters/cri/methods.ts";
import { COMMAND, IMAGE, type Lane } from "./lane.ts";

export class BareClient {
  readonly lane: Lane;
  readonly #hosts: string;
  readonly #logs: string;

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

  /** All of `names`, at most `width` of them at any time. */
  async runPods(names: readonly string[], width: number): Promise<void> {
    const rest = [...names];
    const worker = async () => {
      for (let name = rest.shift(); name !== undefined; name = rest.shift()) await this.runPod(name);
    };
    await Promise.all(Array.from({ length: width }, worker));
  }

  async removeAll(): Promise<void> {
    const { client } = this.lane;
    const { items } = await client.call(methods.listPodSandbox, {});
    for (const { id } of items ?? []) {
      await client.call(methods.stopPodSandbox, { podSandboxId: id ?? "" });
      await client.call(methods.removePodSandbox, { podSandboxId: id ?? "" });
    }
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

const labels = (name: string) => ({
  "io.kubernetes.pod.name": name,
  "io.kubernetes.pod.namespace": "default",
  "io.kubernetes.pod.uid": name,
});
