import { type Contenders, inTurn, kubeletsOf, progress } from "../contenders.ts";
import { atMost, type Measured, ROW_TITLES, type Who } from "../result.ts";
import { median } from "../stats.ts";

/** Starts with an empty manifest folder; the first start of each, which makes keys and directories, does not count. */
export async function start(contenders: Contenders): Promise<readonly Measured[]> {
  const samples: Partial<Record<Who, number[]>> = {};
  for (let round = -1; round < contenders.options.samples; round++) {
    progress(`start ${round + 1}/${contenders.options.samples}`);
    for (const kubelet of inTurn(kubeletsOf(contenders), Math.max(0, round))) {
      await kubelet.kill();
      const took = await kubelet.startUntilHealthy();
      await kubelet.kill();
      if (round < 0) continue;
      samples[kubelet.lane.who] = [...(samples[kubelet.lane.who] ?? []), took];
    }
  }
  const bars = [atMost("≤ 150", median(samples.ours ?? []), 150)];
  return [{ row: "start", what: ROW_TITLES.start, unit: "ms", samples, bars }];
}
