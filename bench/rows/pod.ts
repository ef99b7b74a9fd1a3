import { type Contenders, inTurn, kubeletsOf, progress } from "../contenders.ts";
import { atMost, type Measured, ROW_TITLES, type Who } from "../result.ts";
import { isStart } from "../runtime-watch.ts";
import { median, p99 } from "../stats.ts";

/** One pod after another; those before stay. */
export async function pod(contenders: Contenders): Promise<readonly Measured[]> {
  const { bare, options } = contenders;
  const kubelets = kubeletsOf(contenders);
  for (const kubelet of kubelets) await kubelet.ready();
  await bare.runPod("warm");
  const samples: Partial<Record<Who, number[]>> = {};
  const runners: readonly { readonly who: Who; readonly run: (round: number) => Promise<number> }[] = [
    ...kubelets.map((kubelet) => ({ who: kubelet.lane.who, run: () => kubelet.addPod() })),
    {
      who: "bare",
      run: async (round) => {
        const started = bare.lane.watch.next("a container of the bare client", isStart);
        const before = Date.now();
        await bare.runPod(`one-${round}`);
        return (await started).at - before;
      },
    },
  ];
  for (let round = 0; round < options.samples; round++) {
    progress(`pod ${round + 1}/${options.samples}`);
    for (const { who, run } of inTurn(runners, round)) samples[who] = [...(samples[who] ?? []), await run(round)];
  }
  await Promise.all([...kubelets.map((kubelet) => kubelet.clear()), bare.removeAll()]);
  const [ours, floor] = [samples.ours ?? [], samples.bare ?? []];
  const bars = [
    atMost("p50 ≤ 1.1 × bare", median(ours), 1.1 * median(floor)),
    atMost("p99 ≤ 2 × bare", p99(ours), 2 * p99(floor)),
  ];
  return [{ row: "pod", what: ROW_TITLES.pod, unit: "ms", samples, bars }];
}
