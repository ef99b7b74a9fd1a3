import type { ContainerStatus, Pod } from "../model/kubernetes.ts";

/** One pod as a line of `get pods` shows it, in kubectl's words. */
export interface PodSummary {
  readonly ready: string;
  readonly status: string;
  readonly restarts: number;
  /** When a container last ended before it was restarted. */
  readonly lastRestartAt: string | undefined;
}

export function summarize(pod: Pod): PodSummary {
  const { spec, status, metadata } = pod;
  const main = status?.containerStatuses ?? [];
  const init = status?.initContainerStatuses ?? [];
  const sidecars = (spec?.initContainers ?? []).filter((one) => one.restartPolicy === "Always").map((one) => one.name);
  const counted = [...main, ...init.filter(({ name }) => sidecars.includes(name))];
  const initWord = initStatus(pod, init, sidecars);
  const shown = initWord === undefined ? counted : [...init, ...counted.filter((one) => !init.includes(one))];
  const ends = shown.map((one) => one.lastState?.terminated?.finishedAt).filter((time) => time !== undefined);
  return {
    ready: `${counted.filter((one) => one.ready).length}/${(spec?.containers ?? []).length + sidecars.length}`,
    status: metadata?.deletionTimestamp ? "Terminating" : (initWord ?? mainStatus(pod, main)),
    restarts: shown.reduce((sum, one) => sum + one.restartCount, 0),
    lastRestartAt: ends.sort().at(-1),
  };
}

/** undefined: all of them are through. */
function initStatus(
  { spec, status }: Pod,
  init: readonly ContainerStatus[],
  sidecars: readonly string[],
): string | undefined {
  const planned = spec?.initContainers ?? [];
  for (const [place, { name }] of planned.entries()) {
    const one = init.find((seen) => seen.name === name);
    const ended = one?.state?.terminated;
    if (ended?.exitCode === 0 || (sidecars.includes(name) && one?.started)) continue;
    if (one === undefined && status?.phase !== "Pending") continue;
    if (ended) return `Init:${endWord(ended)}`;
    const reason = one?.state?.waiting?.reason;
    return reason && reason !== "PodInitializing" && reason !== "ContainerCreating"
      ? `Init:${reason}`
      : `Init:${place}/${planned.length}`;
  }
  return undefined;
}

function mainStatus({ status }: Pod, main: readonly ContainerStatus[]): string {
  let word = status?.reason || status?.phase || "Unknown";
  for (const { state } of [...main].reverse()) {
    if (state?.waiting?.reason) word = state.waiting.reason;
    else if (state?.terminated) word = endWord(state.terminated);
  }
  if (word !== "Completed" || !main.some((one) => one.state?.running)) return word;
  const ready = status?.conditions?.some((one) => one.type === "Ready" && one.status === "True");
  return ready ? "Running" : "NotReady";
}

function endWord({
  reason,
  signal,
  exitCode,
}: NonNullable<NonNullable<ContainerStatus["state"]>["terminated"]>): string {
  return reason || (signal ? `Signal:${signal}` : `ExitCode:${exitCode}`);
}
