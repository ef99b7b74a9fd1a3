import type { Container, EphemeralContainer } from "../model/kubernetes.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import { configError } from "./refuse.ts";

/**
 * The container whose processes an ephemeral container asks to see; undefined: it does not, or is none.
 * @throws KubeletError `waiting` where the runtime has no such container
 */
export function targetOf(container: Container | EphemeralContainer, seen: PodSnapshot): string | undefined {
  const name = "targetContainerName" in container ? container.targetContainerName : undefined;
  if (!name) return undefined;
  const target = seen.containers.find((one) => one.name === name);
  if (target) return target.id;
  throw configError(`unable to find target container ${name}`);
}
