import { inTurn, progress } from "../../contenders.ts";
import { atMost, CLUSTER_ROW_TITLES, type Measured } from "../../result.ts";
import { median } from "../../stats.ts";
import { type ClusterContenders, MANY, Samples } from "../contender.ts";

/** Where the Go kubelet is not measured beside us, its figure of another run (DESIGN.md section 5). */
const GO_BEFORE = 10_900;

/**
 * All pods by one request: from the first that is marked as deleted to the last that is gone. Their processes end at once when told to. The bare client, which
 * has no API server, only stops and removes them.
 */
export async function deletePods({ all, bare, options }: ClusterContenders): Promise<readonly Measured[]> {
  const took = new Samples();
  for (let round = 0; round < options.rounds; round++) {
    for (const contender of inTurn(all, round)) {
      progress(`delete ${round + 1}/${options.rounds}: ${contender.who}`);
      await contender.fill(MANY);
      took.add(contender, await contender.clear());
    }
    if (bare === undefined) continue;
    progress(`delete ${round + 1}/${options.rounds}: bare`);
    await bare.runPods(MANY);
    took.add(bare.lane, await bare.removeAll());
  }
  const go = took.of("go");
  const text = `≤ 0.6 × Go${go.length > 0 ? "" : " of an earlier run"}`;
  const bars = [atMost(text, median(took.of("ours")), 0.6 * (go.length > 0 ? median(go) : GO_BEFORE))];
  return [{ row: "delete", what: CLUSTER_ROW_TITLES.delete, unit: "ms", samples: took.by, bars }];
}
