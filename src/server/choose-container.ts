import type { ContainerStatus, Pod } from "../model/kubernetes.ts";

/** Whose log is read: a container id as the status writes it (`containerd://…`), or why there is none. */
export type Choice =
  | { readonly kind: "container"; readonly id: string }
  | { readonly kind: "none"; readonly why: string };

export function hasContainer({ spec }: Pod, name: string): boolean {
  return [...(spec?.containers ?? []), ...(spec?.initContainers ?? []), ...(spec?.ephemeralContainers ?? [])].some(
    (one) => one.name === name,
  );
}

/** Running, else ended, else the one before; with `previous` the one before only. Texts are upstream's. */
export function chooseContainer(pod: Pod, name: string, previous: boolean): Choice {
  const where = `container ${JSON.stringify(name)} in pod ${JSON.stringify(pod.metadata?.name ?? "")}`;
  const status = statusOf(pod, name);
  if (status === undefined) return none(`${where} is not available`);
  const { state, lastState } = status;
  const last = lastState?.terminated;
  if (previous) return last?.containerID ? found(last.containerID) : none(`previous terminated ${where} not found`);
  if (state?.running) return found(status.containerID ?? "");
  if (state?.terminated || last) {
    const id = state?.terminated?.containerID || last?.containerID;
    return id ? found(id) : none(`${where} is terminated`);
  }
  if (state?.waiting) return none(`${where} is waiting to start: ${waitingText(state.waiting.reason ?? "")}`);
  return none(`${where} is waiting to start - no logs yet`);
}

function statusOf({ status }: Pod, name: string): ContainerStatus | undefined {
  const all = [status?.containerStatuses, status?.initContainerStatuses, status?.ephemeralContainerStatuses];
  return all.flatMap((list) => list ?? []).find((one) => one.name === name);
}

function waitingText(reason: string): string {
  if (reason === "ErrImagePull") return "image can't be pulled";
  return reason === "ImagePullBackOff" ? "trying and failing to pull image" : reason;
}

const found = (id: string): Choice => ({ kind: "container", id });
const none = (why: string): Choice => ({ kind: "none", why });
