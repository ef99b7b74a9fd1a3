/** Pods as applications are: each refers to a ConfigMap and a Secret of its own, beside its token and the cluster's CA that every pod has. */
import type { Pod } from "../../src/model/kubernetes.ts";
import { nameOf } from "./api-watch.ts";
import type { Contender } from "./contender.ts";

const KINDS = [
  { kind: "ConfigMap", path: "/api/v1/namespaces/default/configmaps" },
  { kind: "Secret", path: "/api/v1/namespaces/default/secrets" },
] as const;

/** Makes them, and waits until all are ready. */
export async function runReferringPods(contender: Contender, count: number): Promise<void> {
  const pods = Array.from({ length: count }, () => referring(contender.pod()));
  for (const name of pods.map(nameOf)) {
    const metadata = { name, labels: { contender: contender.who } };
    for (const { kind, path } of KINDS)
      await contender.api.create(path, { apiVersion: "v1", kind, metadata, data: { value: "dmFsdWU=" } });
  }
  await contender.run(pods);
}

/** Deletes what they referred to; the pods are gone already. */
export async function removeReferredTo({ api, who }: Contender): Promise<void> {
  const selector = `labelSelector=${encodeURIComponent(`contender=${who}`)}`;
  for (const { path } of KINDS) await api.delete(`${path}?${selector}`);
}

function referring(pod: Pod): Pod {
  const name = nameOf(pod);
  const volumes = [
    { name: "config", configMap: { name } },
    { name: "secret", secret: { secretName: name } },
  ];
  const volumeMounts = volumes.map((volume) => ({ name: volume.name, mountPath: `/etc/${volume.name}` }));
  const containers = (pod.spec?.containers ?? []).map((container) => ({ ...container, volumeMounts }));
  return { ...pod, spec: { ...pod.spec, containers, volumes } };
}
