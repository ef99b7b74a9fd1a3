import { type Contenders, inTurn, kubeletsOf, progress } from "../contenders.ts";
import { cpuTime } from "../process-cost.ts";
import { atMost, type Measured, ROW_TITLES, type Who } from "../result.ts";
import { median } from "../stats.ts";

const PODS = 50;

/** From the rename of the first manifest to the start of the last container; the bare client has four pods in work at any time. */
export async function burst(contenders: Contenders): Promise<readonly Measured[]> {
  const { bare, options } = contenders;
  const kubelets = kubeletsOf(contenders);
  for (const kubelet of kubelets) await kubelet.ready();
  await bare.runPod("warm-burst");
  const samples: Partial<Record<Who, number[]>> = {};
  const cpu: Partial<Record<Who, number[]>> = {};
  const runners: readonly { readonly who: Who; readonly run: () => Promise<number> }[] = [
    ...kubelets.map((kubelet) => ({
      who: kubelet.lane.who,
      run: async () => {
        const before = cpuTime(kubelet.pid);
        const took = await kubelet.addPods(PODS);
        cpu[kubelet.lane.who] = [...(cpu[kubelet.lane.who] ?? []), cpuTime(kubelet.pid) - before];
        await kubelet.clear();
        return took;
      },
    })),
    {
      who: "bare",
      run: async () => {
        const took = await bare.runPods(PODS);
        await bare.removeAll();
        return took;
      },
    },
  ];
  for (let round = 0; round < options.rounds; round++) {
    for (const { who, run } of inTurn(runners, round)) {
      progress(`burst ${round + 1}/${options.rounds}: ${who}`);
      samples[who] = [...(samples[who] ?? []), await run()];
    }
  }
  const ours = median(samples.ours ?? []);
  const floor = median(samples.bare ?? []);
  const go = samples.go ? median(samples.go) : undefined;
  // Either is enough.
  const limit = Math.max(1.1 * floor, 0.7 * (go ?? 0));
  const bars = [atMost(go === undefined ? "≤ 1.1 × bare" : "≤ 1.1 × bare or ≤ 0.7 × Go", ours, limit)];
  return [
    { row: "burst", what: ROW_TITLES.burst, unit: "ms", samples, bars },
    { row: "burst", what: "… processor time of the kubelet", unit: "ms", samples: cpu, bars: [] },
  ];
}
