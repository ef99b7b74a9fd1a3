import { isFault } from "../base/fault.ts";
import type {
  ContainerStatus,
  ContainerSummary,
  PodSnapshot,
  SandboxStatus,
  SandboxSummary,
} from "../model/runtime.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Listing } from "./listing.ts";

export type SeenContainer = PodSnapshot["containers"][number];
export type StatusReader = Pick<Runtime, "sandboxStatus" | "containerStatus">;

/**
 * Reads the status of everything in one pod's listing. What the previous snapshot already shows as exited does not change any more
 * and is taken over, unless `afresh` names it (an OOM may be told late), and so is a sandbox that was ready and still is. Something that
 * vanished between list and status is left out.
 */
export async function readPod(
  listing: Listing,
  previous: PodSnapshot | undefined,
  afresh: ReadonlySet<string>,
  runtime: StatusReader,
  signal: AbortSignal,
): Promise<PodSnapshot | undefined> {
  const known = new Map((previous?.containers ?? []).map((container) => [container.id, container]));
  const wereReady = new Map((previous?.sandboxes ?? []).filter(isUp).map((sandbox) => [sandbox.id, sandbox]));
  const [sandboxes, containers] = await Promise.all([
    Promise.all(
      listing.sandboxes.map((summary) => {
        const before = isUp(summary) && !afresh.has(summary.id) ? wereReady.get(summary.id) : undefined;
        return before ?? orGone(runtime.sandboxStatus(summary.id, signal));
      }),
    ),
    Promise.all(
      listing.containers.map(async (summary): Promise<SeenContainer | undefined> => {
        const before = known.get(summary.id);
        const isKnown = before?.state === "exited" && !before.early && !afresh.has(summary.id);
        if (summary.state === "exited" && isKnown) return before;
        const status = await orGone(runtime.containerStatus(summary.id, signal));
        return status && { ...status, sandboxId: summary.sandboxId };
      }),
    ),
  ]);
  return snapshotOf(sandboxes.filter(isThere), containers.filter(isThere));
}

/** undefined when nothing of the pod is in the runtime. */
function snapshotOf(sandboxes: SandboxStatus[], containers: SeenContainer[]): PodSnapshot | undefined {
  sandboxes.sort((a, b) => b.metadata.attempt - a.metadata.attempt || b.createdAt - a.createdAt);
  // The attempt first: the wall clock that made `createdAt` may have been set back in between.
  containers.sort((a, b) => b.attempt - a.attempt || b.createdAt - a.createdAt);
  const newest = sandboxes[0];
  if (newest) {
    const { uid, name, namespace } = newest.metadata;
    return { uid, name, namespace, sandboxes, containers };
  }
  const orphan = containers[0];
  if (!orphan) return undefined;
  const { labels } = orphan;
  return {
    uid: labels["io.kubernetes.pod.uid"] ?? "",
    name: labels["io.kubernetes.pod.name"] ?? "",
    namespace: labels["io.kubernetes.pod.namespace"] ?? "",
    sandboxes,
    containers,
  };
}

/** The status, or undefined when the runtime no longer knows the id. */
async function orGone<T>(status: Promise<T>): Promise<T | undefined> {
  try {
    return await status;
  } catch (error) {
    if (isFault(error, "runtime-not-found")) return undefined;
    throw error;
  }
}

const isUp = ({ state }: SandboxSummary): boolean => state === "ready";

const isThere = <T>(value: T | undefined): value is T => value !== undefined;

/** Whether a listing tells something that the snapshot does not show. */
export function differs(listing: Listing, seen: PodSnapshot | undefined): boolean {
  const states = (items: readonly (SandboxSummary | ContainerSummary | ContainerStatus)[]) =>
    items
      .map(({ id, state }) => `${id} ${state}`)
      .sort()
      .join("\n");
  return (
    states(listing.sandboxes) !== states(seen?.sandboxes ?? []) ||
    states(listing.containers) !== states(seen?.containers ?? [])
  );
}
