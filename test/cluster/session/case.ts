/** What a case of a session is, and the words that cases are written in. */
import type { ContainerStatus, Pod } from "../../../src/model/kubernetes.ts";
import { containerOf, IMAGE, isReady } from "../../support/kubelet.ts";

export interface Case {
  /** Made in this order before the pod. */
  readonly objects?: readonly object[];
  readonly pod: Pod;
  /** The state that the case is about; undefined: the pod is gone. */
  readonly shows: (pod: Pod | undefined) => boolean;
  /** Reasons of events that belong to it. */
  readonly events: readonly string[];
  /** Commands of kubectl, said when it does. */
  readonly orders?: readonly (readonly string[])[];
  /** The state, the last one with undefined, that those commands lead to; `events` are waited for then. */
  readonly after?: (pod: Pod | undefined) => boolean;
  /** Words of kubectl whose output is part of the case. */
  readonly asks?: readonly (readonly string[])[];
  /** What is up to chance in this case, as one word. */
  readonly blurred?: readonly (readonly [RegExp, string])[];
}

/** The node that every pod is bound to. */
export const SESSION_NODE = "node";

type Spec = NonNullable<Pod["spec"]>;
export type Container = Spec["containers"][number];

export const NEVER = { restartPolicy: "Never" } as const;
type Shows = Case["shows"];
export const ready: Shows = (pod) => pod !== undefined && isReady(pod);
export const phase =
  (wanted: string): Shows =>
  (pod) =>
    pod?.status?.phase === wanted;
export const gone: Shows = (pod) => pod === undefined;
export const container =
  (test: (status: ContainerStatus) => boolean, name = "main"): Shows =>
  (pod) => {
    const status = containerOf(pod, name);
    return status !== undefined && test(status);
  };
export const waits = (reason: string, name = "main") =>
  container(({ state }) => state?.waiting?.reason === reason, name);
/** It has crashed twice, so that its last state is there, too. */
export const loops = (name = "main") =>
  container(({ state, restartCount }) => state?.waiting?.reason === "CrashLoopBackOff" && restartCount === 1, name);
export const STARTED = ["Pulled", "Created", "Started"];
export const init = (name: string, line: string, more: Partial<Container> = {}): Container => ({
  ...{ name, image: IMAGE, command: ["sh", "-c", line] },
  ...more,
});
/** But patient: a busy machine's answer that is taken for none would be an event. */
export const quick = { periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 60 };
