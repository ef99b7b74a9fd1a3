import { setTimeout as sleep } from "node:timers/promises";
import type { Node } from "../../../src/model/kubernetes.ts";
import { isReady } from "../../../test/support/kubelet.ts";
import { inTurn, progress } from "../../contenders.ts";
import { atMost, CLUSTER_ROW_TITLES, type Measured } from "../../result.ts";
import { median } from "../../stats.ts";
import { nameOf } from "../api-watch.ts";
import { type ClusterContenders, type Contender, isRunning, MANY, PODS, Samples } from "../contender.ts";

interface Recovery {
  readonly took: number;
  /** Containers that ran before and do not after. */
  readonly touched: number;
  /** Times at which the API server had the node, or a pod that was ready before, as not ready. */
  readonly flaps: number;
}

/** From just before the new process was made to the pod that was bound while there was no kubelet, ready. */
export async function recover({ all, options }: ClusterContenders): Promise<readonly Measured[]> {
  const [took, touched, flaps] = [new Samples(), new Samples(), new Samples()];
  for (const contender of all) await contender.fill(MANY);
  for (let round = 0; round < options.rounds; round++) {
    for (const contender of inTurn(all, round)) {
      progress(`recover ${round + 1}/${options.rounds}: ${contender.who}`);
      const recovery = await killAndStart(contender);
      took.add(contender, recovery.took);
      touched.add(contender, recovery.touched);
      flaps.add(contender, recovery.flaps);
    }
  }
  for (const contender of all) await contender.clear();
  const row = "recover";
  const most = (samples: Samples) => Math.max(...samples.of("ours"));
  return [
    {
      ...{ row, what: CLUSTER_ROW_TITLES.recover, unit: "ms" },
      ...{ samples: took.by, bars: [atMost("≤ 1,000", median(took.of("ours")), 1000)] },
    },
    {
      ...{ row, what: "… containers touched", unit: "containers" },
      ...{ samples: touched.by, bars: [atMost("0", most(touched), 0)] },
    },
    {
      ...{ row, what: "… node or pod not ready in between", unit: "times" },
      ...{ samples: flaps.by, bars: [atMost("0", most(flaps), 0)] },
    },
  ];
}

async function killAndStart(contender: Contender): Promise<Recovery> {
  const { node, api, pods, nodes } = contender;
  await sleep(3000);
  const before = await contender.runningIds();
  const ready = new Set(contender.own.filter(isReady).map(nameOf));
  const next = contender.pod();
  let took = Number.NaN;
  let nodeEvents: Awaited<ReturnType<typeof nodes.during>> = [];
  const podEvents = await pods.during(async () => {
    nodeEvents = await nodes.during(async () => {
      await node.kubelet.kill();
      await api.create(PODS, next);
      const runs = pods.next(
        `the next new pod of ${contender.who}`,
        (seen) => nameOf(seen.object) === nameOf(next) && isRunning(seen),
      );
      const spawned = Date.now();
      node.kubelet.launch();
      took = (await runs).at - spawned;
      await node.kubelet.ready();
      // A kubelet that would restart a container, or tell something else of its node, does so within this time.
      await sleep(5000);
    });
  });
  const after = await contender.runningIds();
  return {
    took,
    touched: [...before].filter((id) => !after.has(id)).length,
    flaps:
      podEvents.filter(({ object }) => ready.has(nameOf(object)) && !isReady(object)).length +
      nodeEvents.filter(({ object }) => nameOf(object) === node.name && !isNodeReady(object)).length,
  };
}

const isNodeReady = ({ status }: Node): boolean =>
  status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") ?? false;
