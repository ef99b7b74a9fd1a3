import { inTurn, progress } from "../../contenders.ts";
import { cpuTime } from "../../process-cost.ts";
import { atMost, CLUSTER_ROW_TITLES, type Measured } from "../../result.ts";
import { median } from "../../stats.ts";
import { type ClusterContenders, Samples } from "../contender.ts";

const PODS = 50;
/** Where the Go kubelet is not measured beside us, its figure of another run (DESIGN.md section 5). */
const GO_BEFORE = 12_000;

/** From the first pod that is bound to the last that is ready; the bare client, which has no API server, from its first call to the last container's start. */
export async function burst({ all, bare, options }: ClusterContenders): Promise<readonly Measured[]> {
  const took = new Samples();
  const cpu = new Samples();
  for (let round = 0; round < options.rounds; round++) {
    for (const contender of inTurn(all, round)) {
      progress(`burst ${round + 1}/${options.rounds}: ${contender.who}`);
      const before = cpuTime(contender.pid);
      const { bound, ready } = await contender.run(Array.from({ length: PODS }, () => contender.pod()));
      took.add(contender, ready - bound);
      cpu.add(contender, cpuTime(contender.pid) - before);
      await contender.clear();
    }
    if (bare === undefined) continue;
    progress(`burst ${round + 1}/${options.rounds}: bare`);
    took.add(bare.lane, await bare.runPods(PODS));
    await bare.removeAll();
  }
  const go = took.of("go");
  const text = `≤ 0.6 × Go${go.length > 0 ? "" : " of an earlier run"}`;
  const bars = [atMost(text, median(took.of("ours")), 0.6 * (go.length > 0 ? median(go) : GO_BEFORE))];
  return [
    { row: "burst", what: CLUSTER_ROW_TITLES.burst, unit: "ms", samples: took.by, bars },
    { row: "burst", what: "… processor time of the kubelet", unit: "ms", samples: cpu.by, bars: [] },
  ];
}
