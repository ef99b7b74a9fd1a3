import type { Pod } from "../model/kubernetes.ts";
import { usesHostNetwork } from "../model/pod.ts";
import type { PodSnapshot, SandboxStatus } from "../model/runtime.ts";

/** Whether a pod has a sandbox that containers can start in; `reason` is the text of its PodReadyToStartContainers condition. */
export type SandboxNeed =
  | { readonly needed: false; readonly sandbox: SandboxStatus }
  | { readonly needed: true; readonly attempt: number; readonly reason: string };

/** Only the newest sandbox can serve; the snapshot has it first. */
export function sandboxNeed(pod: Pod, seen: PodSnapshot | undefined): SandboxNeed {
  const newest = seen?.sandboxes[0];
  if (!newest) return { needed: true, attempt: 0, reason: "no pod sandbox exists" };
  const reason = flawOf(pod, newest, seen.sandboxes);
  if (reason === undefined) return { needed: false, sandbox: newest };
  return { needed: true, attempt: newest.metadata.attempt + 1, reason };
}

function flawOf(pod: Pod, newest: SandboxStatus, all: readonly SandboxStatus[]): string | undefined {
  if (all.filter(({ state }) => state === "ready").length > 1) {
    return "multiple pod sandboxes are ready and need to be reconciled";
  }
  if (newest.state !== "ready") return "pod sandbox is not ready";
  if (newest.network !== (usesHostNetwork(pod) ? "node" : "pod")) {
    return "network namespace mode changed and sandbox needs to be recreated";
  }
  if (!usesHostNetwork(pod) && newest.ips.length === 0) return "pod sandbox has no IP address";
  return undefined;
}
