import { isDeepStrictEqual } from "node:util";
import type { Pod } from "../model/kubernetes.ts";
import { ANNOTATION_CONFIG_HASH, ANNOTATION_CONFIG_MIRROR } from "../model/names.ts";
import { annotationOf, hasEndedPhase, isMirror, isStatic, nameOf } from "../model/pod.ts";
import type { SimCluster } from "./cluster.ts";
import type { Disk } from "./disk.ts";
import type { Wishes } from "./rules.ts";
import type { SimContainer, World } from "./world.ts";

/** I7 at the API server, some time after the faults stopped: what it shows that is not so. */
export function clusterFlaws(cluster: SimCluster, wishes: Wishes, world: World): readonly string[] {
  const shown = cluster.all();
  const wanted = [...wishes.wanted.values()];
  const flaws: string[] = [];
  for (const pod of shown) {
    if (isMirror(pod)) continue;
    const { uid = "", deletionTimestamp } = pod.metadata ?? {};
    if (!wishes.wanted.has(uid))
      flaws.push(`I7 pod ${uid} was deleted and is still in the API server (${deletionTimestamp})`);
    else flaws.push(...statusFlaws(pod, pod, world, cluster));
  }
  for (const pod of wanted) {
    const found = shown.find((one) => nameOf(one) === nameOf(pod) && isMirror(one) === isStatic(pod));
    const uid = pod.metadata?.uid;
    if (!found) flaws.push(`I7 pod ${uid} is not in the API server`);
    else if (isStatic(pod)) flaws.push(...mirrorFlaws(found, pod, wanted, world, cluster));
  }
  for (const mirror of shown.filter(isMirror)) {
    if (!wanted.some((pod) => isStatic(pod) && nameOf(pod) === nameOf(mirror)))
      flaws.push(`I7 mirror pod ${nameOf(mirror)} is left of a static pod that nobody wants`);
  }
  return flaws;
}

/** Files that do not show the objects that they come from, in pods that run. */
export function fileFlaws(cluster: SimCluster, disk: Disk, world: World): readonly string[] {
  return cluster.all().flatMap(({ metadata: { uid = "" } = {} }) => {
    const runs = [...world.containersOf(uid)].some(({ state }) => state === "running");
    const path = `/var/lib/kubelet/pods/${uid}/volumes/kubernetes.io~projected/kube-api-access/ca.crt`;
    const { entry } = disk.walk(path, true);
    const text = entry?.kind === "file" ? new TextDecoder().decode(entry.content) : "nothing";
    return !runs || text === cluster.authority ? [] : [`I7 ${path} shows ${text}, not ${cluster.authority}`];
  });
}

function mirrorFlaws(
  mirror: Pod,
  pod: Pod,
  wanted: readonly Pod[],
  world: World,
  cluster: SimCluster,
): readonly string[] {
  const namesakes = wanted.filter((one) => isStatic(one) && nameOf(one) === nameOf(pod));
  // Of two static pods of one name only one runs; the mirror pod is that one's.
  if (namesakes.length > 1) return [];
  if (annotationOf(mirror, ANNOTATION_CONFIG_MIRROR) !== annotationOf(pod, ANNOTATION_CONFIG_HASH))
    return [`I7 mirror pod ${nameOf(mirror)} is of another version`];
  return statusFlaws(mirror, pod, world, cluster);
}

/** Phase, containers and readiness as they are told, against what there is. */
function statusFlaws(shown: Pod, pod: Pod, world: World, { touchedAt }: SimCluster): readonly string[] {
  const { metadata: { uid: target = "" } = {}, status = {} } = shown;
  const uid = pod.metadata?.uid ?? "";
  const instances = [...world.containersOf(uid)];
  const flaws: string[] = [];
  const flaw = (text: string) => void flaws.push(`I7 the API server shows of pod ${uid} ${text}`);
  const isForeign = status.message === "somebody was here" && (touchedAt.get(target) ?? 0) > world.kubeletSince;
  if (isForeign || status.phase === "Unknown") flaw("what somebody else wrote");
  const runs = instances.some(({ state }) => state === "running");
  if (hasEndedPhase({ status }) && runs) flaw(`${status.phase} while a container runs`);
  const told = (status.containerStatuses ?? []).flatMap(({ state, containerID }) =>
    state?.running ? [containerID] : [],
  );
  const regular = new Set((pod.spec?.containers ?? []).map(({ name }) => name));
  const live = instances
    .filter(({ state, config }) => state === "running" && regular.has(config.name))
    .map(({ id }: SimContainer) => `sim://${id}`);
  if (!isDeepStrictEqual(new Set(told), new Set(live))) flaw(`${told.join()} as running, and ${live.join()} run`);
  const ready = status.conditions?.find(({ type }) => type === "Ready")?.status;
  if (ready === "True" && live.length < regular.size) flaw("as ready, and not all of it runs");
  return flaws;
}
