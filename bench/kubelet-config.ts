/** One KubeletConfiguration for both kubelets: what it says is the same, so what differs is the program. */
import { join } from "node:path";

export interface KubeletPlace {
  readonly folder: string;
  readonly endpoint: string;
  readonly cgroupRoot: string;
  readonly port: number;
  readonly healthzPort: number;
}

export const manifestsOf = ({ folder }: Pick<KubeletPlace, "folder">): string => join(folder, "manifests");
export const rootOf = ({ folder }: Pick<KubeletPlace, "folder">): string => join(folder, "root");

/** For a machine of tests: cgroup v1 is allowed, nothing of the machine's own is touched, and no disk is too full to start pods. */
export const kubeletConfig = (place: KubeletPlace): object => ({
  apiVersion: "kubelet.config.k8s.io/v1beta1",
  kind: "KubeletConfiguration",
  containerRuntimeEndpoint: place.endpoint,
  staticPodPath: manifestsOf(place),
  podLogsDir: join(place.folder, "logs"),
  address: "127.0.0.1",
  port: place.port,
  healthzPort: place.healthzPort,
  healthzBindAddress: "127.0.0.1",
  readOnlyPort: 0,
  authentication: { anonymous: { enabled: false }, webhook: { enabled: false } },
  authorization: { mode: "AlwaysAllow" },
  cgroupDriver: "cgroupfs",
  cgroupRoot: place.cgroupRoot,
  enforceNodeAllocatable: [],
  failCgroupV1: false,
  failSwapOn: false,
  oomScoreAdj: 0,
  maxPods: 250,
  evictionHard: { "memory.available": "1Mi", "nodefs.available": "1%", "imagefs.available": "1%" },
});

export const kubeletFlags = (place: KubeletPlace, configFile: string): readonly string[] => [
  `--config=${configFile}`,
  `--root-dir=${rootOf(place)}`,
  `--cert-dir=${join(place.folder, "pki")}`,
  "--hostname-override=bench",
  "--node-ip=10.201.0.1",
];

export const manifest = (name: string, image: string, command: readonly string[]): string =>
  `${JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      terminationGracePeriodSeconds: 5,
      containers: [{ name: "main", image, imagePullPolicy: "IfNotPresent", command }],
    },
  })}\n`;
