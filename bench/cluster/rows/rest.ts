import { setTimeout as sleep } from "node:timers/promises";
import { progress } from "../../contenders.ts";
import { cpuTime, proportionalMemory } from "../../process-cost.ts";
import { atMost, CLUSTER_ROW_TITLES, type Measured } from "../../result.ts";
import { type ClusterContenders, MANY, Samples } from "../contender.ts";
import { removeReferredTo, runReferringPods } from "../referring-pods.ts";
import type { LoggedRequest } from "../request-log.ts";

/** Where the Go kubelet is not measured beside us, its figures of another run (DESIGN.md section 5). */
const GO_BEFORE = { cpu: 38.5, memory: 115, requests: 81 };

/** All kubelets are looked at over the same span, each with its own pods; their costs are counted by the kernel and the API server and do not mix. */
export async function rest({ all, options, requests }: ClusterContenders): Promise<readonly Measured[]> {
  const { restSeconds, settleSeconds } = options;
  const begun = requests.mark();
  for (const contender of all) {
    progress(`rest: ${MANY} pods of ${contender.who}`);
    await contender.clear();
    await runReferringPods(contender, MANY);
  }
  progress(`rest: ${settleSeconds} s until it is quiet, then ${restSeconds} s`);
  await sleep(settleSeconds * 1000);
  const before = all.map(({ pid }) => cpuTime(pid));
  const from = requests.mark();
  const started = performance.now();
  await sleep(restSeconds * 1000);
  const seconds = (performance.now() - started) / 1000;
  const to = requests.mark();
  const [cpu, memory, asked, expected] = [new Samples(), new Samples(), new Samples(), new Samples()];
  for (const [index, contender] of all.entries()) {
    cpu.add(contender, (cpuTime(contender.pid) - (before[index] ?? 0)) / seconds);
    memory.add(contender, proportionalMemory(contender.pid));
    const { name } = contender.node;
    const seen = requests.between(name, from, to);
    asked.add(contender, seen.length / (seconds / 60));
    const others = seen.filter(({ watch }) => watch === undefined).length / (seconds / 60);
    expected.add(contender, others + renewalsPerMinute(requests.between(name, begun, to)));
  }
  for (const contender of all) {
    await contender.clear();
    await removeReferredTo(contender);
  }
  const row = "rest";
  const title = CLUSTER_ROW_TITLES.rest;
  const bar = (samples: Samples, times: number, goBefore: number) => {
    const [go] = samples.of("go");
    const text = `≤ ${times} × Go${go === undefined ? " of an earlier run" : ""}`;
    return [atMost(text, samples.of("ours")[0] ?? Number.NaN, times * (go ?? goBefore))];
  };
  return [
    {
      ...{ row, what: `${title}: processor time`, unit: "ms/s" },
      ...{ samples: cpu.by, bars: bar(cpu, 0.15, GO_BEFORE.cpu) },
    },
    {
      ...{ row, what: `${title}: memory (PSS)`, unit: "MB" },
      ...{ samples: memory.by, bars: bar(memory, 1, GO_BEFORE.memory) },
    },
    {
      ...{ row, what: `${title}: requests to the API server`, unit: "requests/min" },
      ...{ samples: asked.by, bars: bar(asked, 0.5, GO_BEFORE.requests) },
    },
    {
      ...{ row, what: "… in the long run, by the timeouts of its watches", unit: "requests/min" },
      ...{ samples: expected.by, bars: bar(expected, 0.5, GO_BEFORE.requests) },
    },
  ];
}

/** A watch is asked for anew when its time is over: how often, over hours, tells no window of minutes, but the times that were asked for. */
function renewalsPerMinute(seen: readonly LoggedRequest[]): number {
  const timeouts = new Map<string, number>();
  for (const { watch } of seen) if (watch) timeouts.set(watch.of, watch.seconds);
  const mean = [...timeouts.values()].reduce((sum, each) => sum + each, 0) / timeouts.size;
  return timeouts.size === 0 ? 0 : (timeouts.size * 60) / mean;
}
