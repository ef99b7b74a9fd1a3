import { KubeletError, messageOf } from "../base/fault.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { Pod } from "../model/kubernetes.ts";
import { uidOf } from "../model/pod.ts";
import { type Amounts, podRequests, type QosClass, qosClassOf } from "../model/pod-resources.ts";
import type { Cgroups, CgroupValues } from "../ports/cgroups.ts";
import {
  type CgroupDriver,
  cgroupPath,
  isTellable,
  kubepodsName,
  podName,
  qosName,
  rootName,
  uidOfCgroup,
} from "./names.ts";
import { bestEffortValues, burstableValues, kubepodsValues, type PodShare } from "./node-cgroups.ts";
import { type PodCgroupOptions, podCgroup } from "./pod-cgroup.ts";

export interface PodCgroupsOptions extends PodCgroupOptions {
  /** What `kubepods` is bound to: see `allocatable`. */
  readonly nodeAmounts: Amounts;
}

/** The node's cgroups for pods. Every verb may be repeated; without cgroups per QoS all of them do nothing. */
export interface PodCgroups {
  /** @throws KubeletError `start-refused` where cgroupRoot is missing */
  openRoot(): Promise<void>;
  /** Makes the pod's cgroup with its limits; one that something runs in is left as it is. */
  ensure(pod: Pod): Promise<void>;
  /** Kills what is left in it and removes it. */
  remove(uid: string): Promise<void>;
  /** UIDs of all pods that have a cgroup. */
  list(): Promise<readonly string[]>;
}

const CLASSES: readonly QosClass[] = ["Guaranteed", "Burstable", "BestEffort"];

export function createPodCgroups(options: PodCgroupsOptions, cgroups: Cgroups, log: Log = silentLog): PodCgroups {
  if (options.cgroupsPerQOS) return new QosCgroups(options, cgroups, log);
  const nothing = async () => {};
  return { openRoot: nothing, ensure: nothing, remove: nothing, list: async () => [] };
}

class QosCgroups implements PodCgroups {
  readonly #options: PodCgroupsOptions;
  readonly #cgroups: Cgroups;
  readonly #log: Log;
  /** The pods whose cgroups this process has ensured; what burstable's shares are the sum of. */
  readonly #shares = new Map<string, PodShare>();
  /** The pods whose cgroups have their values, as far as this process knows. */
  readonly #bounded = new Set<string>();
  /** What was last written above the pods: most pods change nothing there. */
  readonly #written = new Map<string, string>();
  #writing: Promise<void> = Promise.resolve();

  constructor(options: PodCgroupsOptions, cgroups: Cgroups, log: Log) {
    this.#options = options;
    this.#cgroups = cgroups;
    this.#log = log;
  }

  async openRoot(): Promise<void> {
    await this.#checkRoot();
    for (const name of [this.#kubepods(), this.#qos("Burstable"), this.#qos("BestEffort")])
      await this.#cgroups.create(name);
    await this.#write(this.#qos("BestEffort"), bestEffortValues(this.#options.facts));
    await this.#writeSums();
    await this.#tellOtherDriver();
  }

  async ensure(pod: Pod): Promise<void> {
    const { driver } = this.#options;
    if (!isTellable(uidOf(pod), driver)) {
      throw new KubeletError(
        `Cannot make a cgroup for UID "${uidOf(pod)}" with cgroup driver ${driver}: "_" stands for "-" in a slice's name; give the pod a UID without it`,
        { code: "waiting", reason: "FailedCreatePodContainer" },
      );
    }
    const { path, values } = podCgroup(pod, this.#options);
    const requests = podRequests(pod);
    const share = { qos: qosClassOf(pod), cpuMillis: requests.cpu ?? 0, memoryBytes: requests.memory ?? 0 };
    this.#shares.set(uidOf(pod), share);
    const isThere = await this.#cgroups.exists(path);
    if (!isThere) await this.#cgroups.create(path);
    if (!isThere || (await this.#mayLackValues(uidOf(pod), path))) await this.#write(path, values);
    this.#bounded.add(uidOf(pod));
    await this.#writeSums();
  }

  async remove(uid: string): Promise<void> {
    // Where it lies depends on the class, which nobody may know any more.
    const known = this.#shares.get(uid);
    this.#bounded.delete(uid);
    for (const qos of known ? [known.qos] : CLASSES) {
      await this.#cgroups.destroy(this.#path(podName(this.#options.cgroupRoot, qos, uid)));
    }
    if (this.#shares.delete(uid)) await this.#writeSums();
  }

  /** A kubelet may have been killed, or have failed, after it had made the cgroup. It did not go on then: nothing runs there. */
  async #mayLackValues(uid: string, path: string): Promise<boolean> {
    return !this.#bounded.has(uid) && (await this.#cgroups.processes(path)).length === 0;
  }

  list(): Promise<readonly string[]> {
    return this.#listOf(this.#options.driver);
  }

  async #listOf(driver: CgroupDriver): Promise<readonly string[]> {
    const { cgroupRoot } = this.#options;
    const paths = CLASSES.map((qos) => cgroupPath(qosName(cgroupRoot, qos), driver));
    const lists = await Promise.all(paths.map((path) => this.#cgroups.children(path)));
    return [...new Set(lists.flat().flatMap((name) => uidOfCgroup(name, driver) ?? []))].sort();
  }

  /** Upstream says nothing, and two trees then share the node. Containers run on there: ending them is not ours to decide. */
  async #tellOtherDriver(): Promise<void> {
    const { driver, cgroupRoot } = this.#options;
    const other: CgroupDriver = driver === "systemd" ? "cgroupfs" : "systemd";
    const uids = await this.#listOf(other);
    if (uids.length === 0) return;
    this.#log.warn("Pods have cgroups of another driver, which bound nothing together with ours; drain and reboot", {
      ...{ driver, other, cgroup: cgroupPath(kubepodsName(cgroupRoot), other), pods: uids.length },
    });
  }

  async #checkRoot(): Promise<void> {
    const { cgroupRoot, driver } = this.#options;
    const name = rootName(cgroupRoot);
    if (name.length === 0) return;
    const path = this.#path(name);
    const missing = await this.#cgroups.missingFrom(path);
    if (missing.length === 0) return;
    const what =
      driver === "cgroupfs" ? "it does not exist" : `with cgroup driver systemd it is ${path}, which does not exist`;
    const todo = driver === "cgroupfs" ? "make it in each of them first" : "start that slice first, or leave it away";
    throw new KubeletError(`Cannot use cgroupRoot "${cgroupRoot}": ${what} in ${missing.join(", ")}; ${todo}`, {
      code: "start-refused",
      what: "cgroupRoot",
    });
  }

  /** One writer at a time, and each takes the sums of its own moment: the last one written is the newest. */
  #writeSums(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      const { facts, nodeAmounts } = this.#options;
      const shares = [...this.#shares.values()];
      await this.#writeIfNew(this.#kubepods(), kubepodsValues(nodeAmounts, shares, facts));
      await this.#writeIfNew(this.#qos("Burstable"), burstableValues(shares, facts));
    });
    return this.#writing;
  }

  async #writeIfNew(path: string, values: CgroupValues): Promise<void> {
    const text = JSON.stringify(values);
    if (this.#written.get(path) === text) return;
    if (await this.#write(path, values)) this.#written.set(path, text);
  }

  /** A limit that the kernel refuses (usage is above it already) stops no pod; upstream goes on too. */
  async #write(path: string, values: CgroupValues): Promise<boolean> {
    try {
      await this.#cgroups.write(path, values);
      return true;
    } catch (error) {
      this.#log.error("Failed to write cgroup values", { cgroup: path, values, err: messageOf(error) });
      return false;
    }
  }

  readonly #path = (name: readonly string[]): string => cgroupPath(name, this.#options.driver);
  readonly #kubepods = (): string => this.#path(kubepodsName(this.#options.cgroupRoot));
  readonly #qos = (qos: QosClass): string => this.#path(qosName(this.#options.cgroupRoot, qos));
}
