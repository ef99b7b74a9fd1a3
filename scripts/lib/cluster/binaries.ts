/** Where the programs of Kubernetes come from: built from the pinned Go modules, or the folder that KUBE_BIN_DIR names. */
import { accessSync, constants } from "node:fs";
import { join, resolve } from "node:path";
import { ensureTool, type ToolName } from "../../tools.ts";

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

const OPTIONAL = ["kubelet", "kube-proxy", "coredns", "metrics-server"] as const;
type OptionalProgram = (typeof OPTIONAL)[number];

/** A program that is used when it is asked for: from KUBE_BIN_DIR when it is there, else built. */
export async function optionalBinary(name: OptionalProgram): Promise<string> {
  return givenProgram(name) ?? join(await ensureTool(name), name);
}

/** Whether KUBE_BIN_DIR has a tool's programs, so that they need not be built. */
export function isGiven(tool: ToolName): boolean {
  if (tool === "control-plane" || tool === "etcd") return Boolean(process.env.KUBE_BIN_DIR);
  const name = OPTIONAL.find((one) => one === tool);
  return name !== undefined && givenProgram(name) !== undefined;
}

function givenProgram(name: OptionalProgram): string | undefined {
  const path = process.env.KUBE_BIN_DIR ? resolve(process.env.KUBE_BIN_DIR, name) : undefined;
  return path !== undefined && isProgram(path) ? path : undefined;
}
