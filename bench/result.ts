/** What a row has measured. */

export const ROW_TITLES = {
  start: "process start → healthz ok",
  pod: "manifest renamed into place → container started, image present",
  restart: "container exit → restarted, first time",
  burst: "50 pods at once",
  rest: "at rest with 67 pods",
  recover: "kill -9 and start with 67 pods → the next new pod runs",
} as const;

export type RowName = keyof typeof ROW_TITLES;
export const ROW_NAMES = Object.keys(ROW_TITLES) as readonly RowName[];
export const isRowName = (text: string): text is RowName => Object.hasOwn(ROW_TITLES, text);

/** Of `bench cluster`: what a cluster sees of its node. */
export const CLUSTER_ROW_TITLES = {
  ready: "bound → Running and ready, image present",
  exit: "a container's end → its status",
  configmap: "ConfigMap edited → file in the pod",
  burst: "50 pods at once → all ready",
  rest: "at rest with 61 pods",
  recover: "kill -9 and start with 61 pods → the next new pod is ready",
  delete: "61 pods deleted → all gone",
} as const;

export type ClusterRowName = keyof typeof CLUSTER_ROW_TITLES;
export const CLUSTER_ROW_NAMES = Object.keys(CLUSTER_ROW_TITLES) as readonly ClusterRowName[];
export const isClusterRowName = (text: string): text is ClusterRowName => Object.hasOwn(CLUSTER_ROW_TITLES, text);

/** `ours` is kubelet-ts, `bare` a client that only makes the CRI calls, `go` upstream's kubelet. */
export type Who = "ours" | "bare" | "go";

/** One line of the table. */
export interface Measured {
  readonly row: RowName | ClusterRowName;
  readonly what: string;
  readonly unit: "ms" | "ms/s" | "MB" | "requests/min" | "containers" | "times";
  readonly samples: Partial<Readonly<Record<Who, readonly number[]>>>;
  readonly bars: readonly Bar[];
}

export interface Bar {
  /** As the issue words it: "≤ 150 ms". */
  readonly text: string;
  /** undefined where the other side of the comparison was not measured. */
  readonly met: boolean | undefined;
}

/** A bar on a figure; `limit` is undefined where what it is compared with was not measured. */
export const atMost = (text: string, value: number, limit: number | undefined): Bar => ({
  text,
  met: limit === undefined || Number.isNaN(limit) ? undefined : value <= limit,
});
