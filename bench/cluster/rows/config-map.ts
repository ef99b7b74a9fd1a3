import { readFileSync, watch } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Pod } from "../../../src/model/kubernetes.ts";
import { containerIds } from "../../../test/support/kubelet.ts";
import { progress } from "../../contenders.ts";
import { atMost, CLUSTER_ROW_TITLES, type Measured } from "../../result.ts";
import { median, p99 } from "../../stats.ts";
import { nameOf } from "../api-watch.ts";
import { type ClusterContenders, type Contender, Samples } from "../contender.ts";

const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";
const FOLDER = "/etc/config";
/** The Go kubelet takes a minute and more for an edit: so many pods wait for theirs at the same time. */
const GO_PODS = 5;
const PATIENCE_MS = 240_000;

/** From just before the edit is sent to the moment at which a process in the container reads the new value. */
export async function configMap({ all, options }: ClusterContenders): Promise<readonly Measured[]> {
  const took = new Samples();
  progress(`configmap: ${options.samples} edits for ours, ${options.rounds} for the Go kubelet`);
  // Both at the same time: while Go's pods wait, nothing of it runs that could disturb.
  await Promise.all(
    all.map(async (contender) => {
      const [pods, edits] = contender.who === "go" ? [GO_PODS, options.rounds] : [1, options.samples];
      const mounted = await mountingPods(contender, pods);
      for (let edit = 1; edit <= edits; edit++) {
        await sleep(500);
        took.add(contender, ...(await Promise.all(mounted.map((pod) => editOne(contender, pod, `${edit}`)))));
      }
    }),
  );
  for (const contender of all) {
    await contender.clear();
    await contender.api.delete(`${CONFIG_MAPS}?labelSelector=contender`);
  }
  const ours = took.of("ours");
  const bars = [atMost("p50 ≤ 50", median(ours), 50), atMost("p99 ≤ 200", p99(ours), 200)];
  return [{ row: "configmap", what: CLUSTER_ROW_TITLES.configmap, unit: "ms", samples: took.by, bars }];
}

/** Pods that each mount a ConfigMap of their own name. */
async function mountingPods(contender: Contender, count: number): Promise<readonly Pod[]> {
  const plain = Array.from({ length: count }, () => contender.pod());
  const pods = plain.map((pod) => {
    const volume = { name: "config", configMap: { name: nameOf(pod) } };
    const containers = pod.spec?.containers.map((container) => ({
      ...container,
      volumeMounts: [{ name: volume.name, mountPath: FOLDER }],
    }));
    return { ...pod, spec: { ...pod.spec, containers: containers ?? [], volumes: [volume] } };
  });
  for (const { metadata } of pods) {
    const labels = { contender: contender.who };
    await contender.api.create(CONFIG_MAPS, {
      ...{ apiVersion: "v1", kind: "ConfigMap" },
      ...{ metadata: { name: metadata?.name, labels }, data: { value: "0" } },
    });
  }
  await contender.run(pods);
  return pods;
}

async function editOne(contender: Contender, pod: Pod, value: string): Promise<number> {
  const name = nameOf(pod);
  const { main = "" } = containerIds(contender.pods.objects.get(name) ?? {});
  const pid = contender.runtime.running.get(main)?.pid;
  if (pid === undefined) throw new Error(`the container of pod ${name}, ${main}, does not run`);
  const folder = `/proc/${pid}/root${FOLDER}`;
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  // The folder's link is swapped by a rename, which is seen from either side of the mount.
  const watcher = watch(folder, () => {
    if (readFileSync(`${folder}/value`, "utf8") === value) resolve(Date.now());
  });
  watcher.on("error", reject);
  const timer = setTimeout(
    () => reject(new Error(`waited ${PATIENCE_MS / 1000} s for pod ${name} to have ConfigMap's value ${value}`)),
    PATIENCE_MS,
  );
  try {
    const before = Date.now();
    await contender.api.patch(`${CONFIG_MAPS}/${name}`, { data: { value } });
    return (await promise) - before;
  } finally {
    clearTimeout(timer);
    watcher.close();
  }
}
