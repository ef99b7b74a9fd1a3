/** A node that touches nothing of the machine's but its own folder and root directory: no cgroups, no ports but its own. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Writes a configuration into `folder`, whose `cri.sock` is the runtime and whose `manifests` are the pods.
 * @returns the flags
 */
export function nodeSettings(folder: string, ports: { readonly port: number; readonly healthzPort: number }): string[] {
  const at = (name: string) => join(folder, name);
  const settings = {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    containerRuntimeEndpoint: `unix://${at("cri.sock")}`,
    staticPodPath: at("manifests"),
    podLogsDir: at("logs"),
    address: "127.0.0.1",
    ...ports,
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: "AlwaysAllow" },
    cgroupDriver: "cgroupfs",
    cgroupsPerQOS: false,
    enforceNodeAllocatable: [],
    failCgroupV1: false,
    failSwapOn: false,
    oomScoreAdj: 0,
    evictionHard: { "memory.available": "1Mi", "nodefs.available": "0%", "imagefs.available": "0%" },
  };
  writeFileSync(at("config.yaml"), JSON.stringify(settings));
  return [
    `--config=${at("config.yaml")}`,
    `--root-dir=${at("root")}`,
    `--cert-dir=${at("pki")}`,
    "--hostname-override=quiet",
    "--node-ip=127.0.0.1",
  ];
}
