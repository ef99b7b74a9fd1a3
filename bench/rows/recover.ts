import { setTimeout as sleep } from "node:timers/promises";
import { type Contenders, inTurn, kubeletsOf, progress } from "../contenders.ts";
import type { KubeletNode } from "../kubelet-node.ts";
import { atMost, type Measured, ROW_TITLES, type Who } from "../result.ts";
import { isStart } from "../runtime-watch.ts";
import { median } from "../stats.ts";
import { fill } from "./rest.ts";

interface Recovery {
  readonly took: number;
  /** Containers that ran before and did not after. */
  readonly touched: number;
}

/** From just before the new process was made; a manifest was put in place while there was no kubelet. */
export async function recover(contenders: Contenders): Promise<readonly Measured[]> {
  const { options } = contenders;
  const kubelets = kubeletsOf(contenders);
  for (const kubelet of kubelets) await fill(kubelet);
  const took: Partial<Record<Who, number[]>> = {};
  const touched: Partial<Record<Who, number[]>> = {};
  for (let round = 0; round < options.rounds; round++) {
    for (const kubelet of inTurn(kubelets, round)) {
      progress(`recover ${round + 1}/${options.rounds}: ${kubelet.lane.who}`);
      const { who } = kubelet.lane;
      const recovery = await killAndStart(kubelet);
      took[who] = [...(took[who] ?? []), recovery.took];
      touched[who] = [...(touched[who] ?? []), recovery.touched];
    }
  }
  return [
    {
      row: "recover",
      what: ROW_TITLES.recover,
      unit: "ms",
      samples: took,
      bars: [atMost("≤ 1,000", median(took.ours ?? []), 1000)],
    },
    {
      row: "recover",
      what: "… containers touched",
      unit: "containers",
      samples: touched,
      bars: [atMost("0", Math.max(...(touched.ours ?? [])), 0)],
    },
  ];
}

async function killAndStart(kubelet: KubeletNode): Promise<Recovery> {
  const { lane } = kubelet;
  await sleep(3000);
  const before = await lane.runningIds();
  await kubelet.kill();
  const next = lane.watch.next(`the next new pod of ${lane.who}`, isStart);
  kubelet.placePod();
  const spawned = kubelet.spawn();
  const { at } = await next;
  // A kubelet that would restart a container does so within this time.
  await sleep(5000);
  const after = await lane.runningIds();
  return { took: at - spawned, touched: [...before].filter((id) => !after.has(id)).length };
}
