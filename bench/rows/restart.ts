import { type Contenders, inTurn, kubeletsOf, progress } from "../contenders.ts";
import type { KubeletNode } from "../kubelet-node.ts";
import { atMost, type Measured, ROW_TITLES, type Who } from "../result.ts";
import { isStart } from "../runtime-watch.ts";
import { median } from "../stats.ts";

/** Kills the process of a new pod's container: from the time at which the shim saw its end to the start of the next one, both as containerd tells. */
export async function restart(contenders: Contenders): Promise<readonly Measured[]> {
  const { options } = contenders;
  const kubelets = kubeletsOf(contenders);
  for (const kubelet of kubelets) await kubelet.ready();
  const samples: Partial<Record<Who, number[]>> = {};
  for (let round = 0; round < options.samples; round++) {
    progress(`restart ${round + 1}/${options.samples}`);
    for (const kubelet of inTurn(kubelets, round)) {
      samples[kubelet.lane.who] = [...(samples[kubelet.lane.who] ?? []), await killOne(kubelet)];
    }
  }
  await Promise.all(kubelets.map((kubelet) => kubelet.clear()));
  const bars = [atMost("≤ 110", median(samples.ours ?? []), 110)];
  return [{ row: "restart", what: ROW_TITLES.restart, unit: "ms", samples, bars }];
}

async function killOne(kubelet: KubeletNode): Promise<number> {
  const { watch } = kubelet.lane;
  const before = new Set(watch.running.keys());
  await kubelet.addPod();
  const victim = [...watch.running.values()].find(({ id }) => !before.has(id));
  if (!victim) throw new Error("the new pod's container is not there");
  // Long enough for the kubelet to have seen it run, as with any container that does some work before it ends.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const exited = watch.next("the killed container's end", ({ kind, id }) => kind === "exited" && id === victim.id);
  const again = watch.next(`the restart of a container of ${kubelet.lane.who}`, isStart);
  process.kill(victim.pid, "SIGKILL");
  return (await again).at - (await exited).at;
}
