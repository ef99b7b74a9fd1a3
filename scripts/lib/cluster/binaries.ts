/** Where the programs of Kubernetes come from: built from the pinned Go modules, or the folder that KUBE_BIN_DIR names. */
import { accessSync, constants } from "node:fs";
import { join, resolve } from "node:path";
import { ensureTool, goProblem } from "../../tools.ts";

const CONTROL_PLANE = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"] as const;
export type ControlPlaneProgram = (typeof CONTROL_PLANE)[number] | "etcd";

/** The path of each program. */
export type ControlPlaneBinaries = Readonly<Record<ControlPlaneProgram, string>>;

/** Builds what is missing, which takes up to 15 minutes the first time. Throws when KUBE_BIN_DIR is set and lacks a program. */
export async function controlPlaneBinaries(): Promise<ControlPlaneBinaries> {
  const given = process.env.KUBE_BIN_DIR;
  if (given) return fromFolder(resolve(given));
  const bin = await ensureTool("control-plane");
  const etcd = await ensureTool("etcd");
  const programs = Object.fromEntries(CONTROL_PLANE.map((name) => [name, join(bin, name)]));
  return { ...(programs as Record<(typeof CONTROL_PLANE)[number], string>), etcd: join(etcd, "server") };
}

function fromFolder(folder: string): ControlPlaneBinaries {
  const names: readonly ControlPlaneProgram[] = [...CONTROL_PLANE, "etcd"];
  const missing = names.filter((name) => !isProgram(join(folder, name)));
  if (missing.length > 0)
    throw new Error(
      `KUBE_BIN_DIR is ${folder}, and these programs are not there: ${missing.join(", ")}. Put them there (v1.37, etcd 3.6 or newer), or unset KUBE_BIN_DIR to have them built`,
    );
  return Object.fromEntries(names.map((name) => [name, join(folder, name)])) as Record<ControlPlaneProgram, string>;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A program that is used when it is asked for: from KUBE_BIN_DIR when it is there, else built. */
export async function optionalBinary(name: "kubelet" | "kube-proxy" | "coredns" | "metrics-server"): Promise<string> {
  const given = process.env.KUBE_BIN_DIR;
  const there = given ? join(resolve(given), name) : undefined;
  return there !== undefined && isProgram(there) ? there : join(await ensureTool(name), name);
}

/** Why the programs cannot be had here, or undefined when they can. */
export async function binariesProblem(): Promise<string | undefined> {
  return process.env.KUBE_BIN_DIR ? undefined : await goProblem();
}
