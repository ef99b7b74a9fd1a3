import { millis, seconds } from "../base/units.ts";
import type { MachineInfo } from "../ports/node-facts.ts";
import type { RegistrationOptions } from "./options.ts";

/** A small machine, and the options of a kubelet that was told nothing. */
export const MACHINE: MachineInfo = {
  machineId: "3d1219c7c4c5404aaa1f6d2a48adfda4",
  systemUuid: "4c4c4544-0042",
  bootId: "b007-1",
  kernelVersion: "6.1.0-18-amd64",
  osImage: "Debian GNU/Linux 12 (bookworm)",
  cpus: 2,
  memoryBytes: 4 * 1024 ** 3,
  swapBytes: 0,
  hugepages: new Map([
    [2 * 1024 ** 2, 0],
    [1024 ** 3, 0],
  ]),
  inUserNamespace: false,
};

export const SPACE = { capacityBytes: 100e9, availableBytes: 60e9, usedBytes: 35e9, inodes: 1e6, inodesFree: 9e5 };

export const OPTIONS: RegistrationOptions = {
  nodeName: "node-1",
  registerNode: true,
  labels: {},
  taints: [],
  providerId: "",
  externalCloudProvider: false,
  nodeIps: [],
  attachDetachByController: true,
  rootDir: "/var/lib/kubelet",
  maxPods: 110,
  podsPerCore: 0,
  reserved: [],
  evictionHard: { "memory.available": "100Mi", "nodefs.available": "10%" },
  evictionSoft: {},
  pressureTransition: seconds(300),
  ephemeralStorage: true,
  kubeletVersion: "v1.37.2",
  port: 10250,
  maxImages: 50,
  updateFrequency: seconds(10),
  reportFrequency: millis(300_000),
  leaseDurationSeconds: 40,
  getOnExistsOnly: false,
};
