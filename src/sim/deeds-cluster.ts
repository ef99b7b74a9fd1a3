import type { Pod, PodCondition } from "../model/kubernetes.ts";
import { ANNOTATION_CONFIG_HASH } from "../model/names.ts";
import { fullNameOf, hasEndedPhase, isMirror, isStatic, nameOf, uidOf } from "../model/pod.ts";
import { PODS, SIM_NODE } from "./cluster.ts";
import { type Deed, hangPod, killContainer } from "./deeds.ts";
import { randomPod } from "./pods.ts";
import { hasEnded } from "./rules.ts";
import type { Storm } from "./storm.ts";

/** A pod of the API server; now and then a static one. */
const wantPod: Deed = { weight: 8, act: (storm) => want(storm, `api-${storm.podNumber % 23}`) };

function want(storm: Storm, name: string): void {
  const pod = randomPod(storm.podNumber++, storm.chance, storm.world);
  const uid = uidOf(pod);
  storm.note(() => `pod ${uid} (${name}) wanted`);
  if (storm.chance.happens(0.2)) {
    // A static pod's mirror pod tells by this which version it shows.
    const annotations = { ...pod.metadata?.annotations, [ANNOTATION_CONFIG_HASH]: uid };
    storm.want({
      ...pod,
      metadata: { ...pod.metadata, annotations },
      spec: { containers: [], ...pod.spec, nodeName: SIM_NODE },
    });
    return;
  }
  const old = storm.cluster?.find(name);
  // Two of one name there can't be: the older one goes by force, and may still be on the node.
  if (old) storm.deletePod(old, 0);
  storm.want({ ...pod, metadata: { ...pod.metadata, name, annotations: {} } });
}

const deletePod: Deed = {
  weight: 4,
  act: (storm) => {
    const pod = somePod(storm, () => true);
    if (pod && isStatic(pod)) storm.drop(uidOf(pod));
    else if (pod) storm.deletePod(pod, storm.chance.pick([null, null, 1, 5, 60]) ?? undefined);
  },
};

/** Whoever waited long enough deletes again, by force or with less patience. */
const hurryDeletion: Deed = {
  weight: 2,
  act: (storm) => {
    const dying = (storm.cluster?.all() ?? []).filter(({ metadata }) => metadata?.deletionTimestamp !== undefined);
    if (dying.length > 0) storm.deletePod(storm.chance.pick(dying), storm.chance.pick([0, 0, 1, 3]));
  },
};

/** What a StatefulSet does after a forced deletion. */
const reuseName: Deed = {
  weight: 1,
  act: (storm) => {
    const pod = somePod(storm, (one) => !isStatic(one));
    if (pod) want(storm, nameOf(pod));
  },
};

/** Somebody sets a condition of his own, or meddles with what is ours. */
const touchStatus: Deed = {
  weight: 2,
  act: (storm) => {
    const { cluster, chance } = storm;
    const pod = chance.pick([null, ...(cluster?.all() ?? [])]);
    if (!cluster || !pod) return;
    const gate: PodCondition = { type: "example.com/gate", status: chance.pick(["True", "False"]) };
    const status = chance.happens(0.5)
      ? { conditions: [gate] }
      : { message: "somebody was here", ...(hasEndedPhase(pod) ? {} : { phase: "Unknown" }) };
    storm.note(() => `somebody writes ${JSON.stringify(status)} to ${fullNameOf(pod)}`);
    cluster.touch(pod, status);
  },
};

const changeImage: Deed = {
  weight: 1,
  act: (storm) => {
    const pod = somePod(storm, (one) => !isStatic(one) && one.spec?.restartPolicy === "Always");
    if (!pod || hasEnded(storm.world, storm, uidOf(pod))) return;
    const containers = (pod.spec?.containers ?? []).map((spec, place) =>
      place === 0 ? { ...spec, image: `registry/image:${storm.chance.between(10, 99)}` } : spec,
    );
    storm.note(() => `pod ${uidOf(pod)} gets another image`);
    storm.want({ ...pod, spec: { ...pod.spec, containers } });
  },
};

/** A manifest that is replaced by a remove and a write: the same pod goes and comes again, and its mirror pod with it, or not. */
const flapStatic: Deed = {
  weight: 1,
  act: (storm) => {
    const pod = somePod(storm, isStatic);
    if (!pod) return;
    storm.drop(uidOf(pod));
    storm.time.at(storm.chance.pick([0, 1, 500, 5_000]), () => {
      if (!storm.wanted.has(uidOf(pod))) storm.want(pod);
    });
  },
};

const deleteMirror: Deed = {
  weight: 1,
  act: ({ cluster, chance, note }) => {
    const mirrors = (cluster?.all() ?? []).filter(isMirror);
    if (!cluster || mirrors.length === 0) return;
    const mirror = chance.pick(mirrors);
    note(() => `mirror pod ${nameOf(mirror)} is deleted by somebody`);
    cluster.act((server) => server.delete(PODS, nameOf(mirror), { gracePeriodSeconds: chance.pick([0, 30]) }));
  },
};

const serverDown: Deed = {
  weight: 2,
  act: (storm) => down(storm, storm.chance.pick([100, 2_000, 20_000, 60_000])),
};

export function down(storm: Storm, span: number): void {
  const { cluster, note, time, chance } = storm;
  if (!cluster) return;
  note(() => "API server down");
  cluster.faults.down = true;
  cluster.server.cutWatches();
  time.at(span, () => {
    note(() => "API server back");
    cluster.faults.down = false;
    if (chance.happens(0.3)) cluster.server.compact();
  });
}

const cutWatches: Deed = {
  weight: 1,
  act: ({ cluster, chance }) => {
    cluster?.server.cutWatches(chance.happens(0.5));
    if (chance.happens(0.5)) cluster?.server.compact();
  },
};

const slowServer: Deed = {
  weight: 1,
  act: ({ cluster, chance, time }) => {
    if (!cluster) return;
    cluster.faults.latency = () => chance.between(0, 5_000);
    time.at(chance.between(1_000, 10_000), () => cluster.beQuick());
  },
};

export const CLUSTER_DEEDS: readonly Deed[] = [
  wantPod,
  deletePod,
  hurryDeletion,
  reuseName,
  touchStatus,
  changeImage,
  flapStatic,
  deleteMirror,
  killContainer,
  hangPod,
  serverDown,
  cutWatches,
  slowServer,
];

function somePod(storm: Storm, fits: (pod: Pod) => boolean): Pod | undefined {
  const pods = [...storm.wanted.values()].filter(fits);
  return pods.length > 0 ? storm.chance.pick(pods) : undefined;
}
