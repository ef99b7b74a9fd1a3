import type { QosClass } from "../model/pod-resources.ts";

export type CgroupDriver = "cgroupfs" | "systemd";

/** Logical name below the root of all cgroups, one element for each level: ["kubepods", "burstable", "pod1234"]. */
export type CgroupName = readonly string[];

const POD = "pod";
const SLICE = ".slice";

/** `cgroupRoot` is written as a path, whichever driver is used. */
export const rootName = (cgroupRoot: string): CgroupName => cgroupRoot.split("/").filter(Boolean);

export const kubepodsName = (cgroupRoot: string): CgroupName => [...rootName(cgroupRoot), "kubepods"];

/** Where pods of a class live: Guaranteed ones lie in kubepods itself. */
export function qosName(cgroupRoot: string, qos: QosClass): CgroupName {
  const kubepods = kubepodsName(cgroupRoot);
  return qos === "Guaranteed" ? kubepods : [...kubepods, qos.toLowerCase()];
}

export const podName = (cgroupRoot: string, qos: QosClass, uid: string): CgroupName => [
  ...qosName(cgroupRoot, qos),
  `${POD}${uid}`,
];

/** The pod's UID, from the name of a cgroup's directory; undefined for anything else (containers, "burstable"). */
export function uidOfCgroup(directory: string, driver: CgroupDriver): string | undefined {
  if (driver === "systemd" && !directory.endsWith(SLICE)) return undefined;
  const element = driver === "cgroupfs" ? directory : (systemdName(directory).at(-1) ?? "");
  return element.startsWith(POD) && element.length > POD.length ? element.slice(POD.length) : undefined;
}

/** Whether the driver's names tell this UID from every other: a slice's "_" stands for "-". */
export const isTellable = (uid: string, driver: CgroupDriver): boolean => driver === "cgroupfs" || !uid.includes("_");

export const cgroupPath = (name: CgroupName, driver: CgroupDriver): string =>
  driver === "cgroupfs" ? cgroupfsPath(name) : systemdPath(name);

/** "/kubepods/burstable/pod1234". */
export const cgroupfsPath = (name: CgroupName): string => `/${name.join("/")}`;

/**
 * systemd's slices say their parents in their names: "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12_34.slice".
 * A "-" inside an element would read as another level, so it is written "_" (systemd.slice(5)).
 */
export function systemdPath(name: CgroupName): string {
  const elements = name.map((element) => element.replaceAll("-", "_"));
  return `/${elements.map((_, level) => `${elements.slice(0, level + 1).join("-")}${SLICE}`).join("/")}`;
}

/** The logical name from the last slice of a systemd path; "_" may have been "-": a UID never has "_". */
export const systemdName = (path: string): CgroupName => {
  const last = path.split("/").filter(Boolean).at(-1) ?? "";
  return last === ""
    ? []
    : last
        .slice(0, last.endsWith(SLICE) ? -SLICE.length : undefined)
        .split("-")
        .map((element) => element.replaceAll("_", "-"));
};
