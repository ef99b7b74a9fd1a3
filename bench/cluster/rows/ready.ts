import { inTurn, progress } from "../../contenders.ts";
import { atMost, CLUSTER_ROW_TITLES, type Measured } from "../../result.ts";
import { median } from "../../stats.ts";
import { type ClusterContenders, Samples } from "../contender.ts";

/** One pod after another; those before stay. */
export async function ready({ all, options }: ClusterContenders): Promise<readonly Measured[]> {
  const took = new Samples();
  for (let round = 0; round < options.samples; round++) {
    progress(`ready ${round + 1}/${options.samples}`);
    for (const contender of inTurn(all, round)) {
      const { bound, ready } = await contender.run([contender.pod()]);
      took.add(contender, ready - bound);
    }
  }
  for (const contender of all) await contender.clear();
  const bars = [atMost("p50 ≤ 300", median(took.of("ours")), 300)];
  return [{ row: "ready", what: CLUSTER_ROW_TITLES.ready, unit: "ms", samples: took.by, bars }];
}
