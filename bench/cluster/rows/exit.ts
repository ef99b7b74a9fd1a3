import { setTimeout as sleep } from "node:timers/promises";
import { containerIds } from "../../../test/support/kubelet.ts";
import { inTurn, progress } from "../../contenders.ts";
import { atMost, CLUSTER_ROW_TITLES, type Measured } from "../../result.ts";
import { median, p99 } from "../../stats.ts";
import { nameOf } from "../api-watch.ts";
import { type ClusterContenders, type Contender, Samples } from "../contender.ts";

/** Kills the process of a pod that is not to run again: from its end, as the runtime's shim saw it, to the status that tells of it. */
export async function exit({ all, options }: ClusterContenders): Promise<readonly Measured[]> {
  const took = new Samples();
  for (let round = 0; round < options.samples; round++) {
    progress(`exit ${round + 1}/${options.samples}`);
    for (const contender of inTurn(all, round)) took.add(contender, await endOne(contender, round));
  }
  for (const contender of all) await contender.clear();
  const ours = took.of("ours");
  const bars = [atMost("p50 ≤ 20", median(ours), 20), atMost("p99 ≤ 100", p99(ours), 100)];
  return [{ row: "exit", what: CLUSTER_ROW_TITLES.exit, unit: "ms", samples: took.by, bars }];
}

async function endOne(contender: Contender, round: number): Promise<number> {
  const { runtime, pods, who } = contender;
  const pod = contender.pod({ restartPolicy: "Never" });
  const name = nameOf(pod);
  await contender.run([pod]);
  const { main = "" } = containerIds(pods.objects.get(name) ?? {});
  const container = runtime.running.get(main);
  if (!container) throw new Error(`the container of pod ${name}, ${main}, does not run`);
  // A kubelet that looks once a second must be met at any time of its second.
  await sleep(500 + ((round * 389) % 1000));
  const exited = runtime.next(`the end of a container of ${who}`, ({ kind, id }) => kind === "exited" && id === main);
  const told = pods.next(
    `the status of pod ${name} to tell its container's end`,
    ({ object }) => nameOf(object) === name && object.status?.containerStatuses?.[0]?.state?.terminated !== undefined,
  );
  process.kill(container.pid, "SIGKILL");
  return (await told).at - (await exited).at;
}
