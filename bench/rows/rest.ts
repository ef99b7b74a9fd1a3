import { setTimeout as sleep } from "node:timers/promises";
import { type Contenders, kubeletsOf, progress } from "../contenders.ts";
import type { KubeletNode } from "../kubelet-node.ts";
import { cpuTime, proportionalMemory } from "../process-cost.ts";
import { atMost, type Measured, ROW_TITLES, type Who } from "../result.ts";
import { median } from "../stats.ts";

export const PODS = 67;
/** Where the Go kubelet is not measured beside us, its figures of another run (DESIGN.md section 5): the lowest, and its memory. */
const GO_BEFORE = { cpu: 33, memory: 96 };

/** All kubelets are looked at over the same span, each with its own pods; their costs are counted by the kernel and do not mix. */
export async function rest(contenders: Contenders): Promise<readonly Measured[]> {
  const { restSeconds, settleSeconds } = contenders.options;
  const kubelets = kubeletsOf(contenders);
  for (const kubelet of kubelets) await fill(kubelet);
  progress(`rest: ${settleSeconds} s until it is quiet, then ${restSeconds} s`);
  await sleep(settleSeconds * 1000);
  const before = kubelets.map(({ pid }) => cpuTime(pid));
  const started = performance.now();
  await sleep(restSeconds * 1000);
  const seconds = (performance.now() - started) / 1000;
  const cpu: Partial<Record<Who, number[]>> = {};
  const memory: Partial<Record<Who, number[]>> = {};
  for (const [index, { pid, lane }] of kubelets.entries()) {
    cpu[lane.who] = [(cpuTime(pid) - (before[index] ?? 0)) / seconds];
    memory[lane.who] = [proportionalMemory(pid)];
  }
  const goCpu = cpu.go ? median(cpu.go) : GO_BEFORE.cpu;
  const goMemory = memory.go ? median(memory.go) : GO_BEFORE.memory;
  const against = cpu.go ? "" : " of an earlier run";
  return [
    {
      row: "rest",
      what: `${ROW_TITLES.rest}: processor time`,
      unit: "ms/s",
      samples: cpu,
      bars: [atMost(`≤ 0.15 × Go${against}`, median(cpu.ours ?? []), 0.15 * goCpu)],
    },
    {
      row: "rest",
      what: `${ROW_TITLES.rest}: memory (PSS)`,
      unit: "MB",
      samples: memory,
      bars: [atMost(`≤ 1 × Go${against}`, median(memory.ours ?? []), goMemory)],
    },
  ];
}

/** Adds pods until there are enough. */
export async function fill(kubelet: KubeletNode): Promise<void> {
  progress(`starting ${PODS} pods of ${kubelet.lane.who}`);
  await kubelet.ready();
  const missing = PODS - kubelet.wanted;
  if (missing > 0) await kubelet.addPods(missing);
}
