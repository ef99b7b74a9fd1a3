import { messageOf, unreachable } from "../base/fault.ts";
import { isHurry, type WorkerDeps } from "../lifecycle/index.ts";
import type { Pod } from "../model/kubernetes.ts";
import { initContainersOf } from "../model/pod.ts";
import type { Clock } from "../ports/clock.ts";

type Execute = WorkerDeps["execute"];
type Step = Parameters<Execute>[0];

/** A step that was done, or tried. */
export interface StepDone {
  readonly uid: string;
  /** undefined: only the runtime knows the pod. */
  readonly pod: Pod | undefined;
  readonly step: Step;
  /** When it began, ms since the epoch. */
  readonly at: number;
  /** Milliseconds. */
  readonly took: number;
  /** `reason`: upstream's word where there is one (`CreateContainerError`). undefined: it was done. */
  readonly failure: { readonly reason: string; readonly message: string } | undefined;
}

/** The same steps, each told of when it is done. A step that was aborted is not. */
export function watchedSteps(execute: Execute, clock: Clock, onDone: (done: StepDone) => void): Execute {
  return async (step, mailbox, memory, life) => {
    const { uid, pod } = mailbox.intent;
    const at = clock.wall().getTime();
    const begun = clock.monotonic();
    const tell = (failure: StepDone["failure"]) =>
      onDone({ uid, pod, step, at, took: clock.monotonic() - begun, failure });
    try {
      await execute(step, mailbox, memory, life);
    } catch (error) {
      if (!life.aborted && !isHurry(error)) tell({ reason: "Failed", message: messageOf(error) });
      throw error;
    }
    tell(step.kind === "start-container" ? memory.failures.get(step.container.name) : undefined);
  };
}

/** Upstream's `container_type`. */
export const containerType = (pod: Pod | undefined, name: string): "init_container" | "container" =>
  pod && initContainersOf(pod).some((container) => container.name === name) ? "init_container" : "container";

/** The step in plain words, for a person; undefined where something else tells of it. */
export function stepText({ step, took, failure }: StepDone): string | undefined {
  const how = failure ? `failed after ${span(took)}: ${failure.message}` : `in ${span(took)}`;
  switch (step.kind) {
    case "prepare":
      return `cgroup, directories and volumes ${failure ? "" : "made "}${how}`;
    case "fetch-image":
      // Its events tell more: it goes on after the step is done.
      return undefined;
    case "run-sandbox":
      return `sandbox with network ${failure ? "" : step.replaces ? "made anew " : "made "}${how}`;
    case "start-container": {
      const again = step.attempt > 0 ? ` again (restart ${step.attempt})` : "";
      return `container ${step.container.name} ${failure ? "" : `started${again} `}${how}`;
    }
    case "stop-containers":
      return `${step.stops.map(({ name }) => name).join(", ")} ${failure ? "" : "stopped "}${how}`;
    case "stop-sandbox":
      return `sandbox and network ${failure ? "" : "stopped "}${how}`;
    case "remove-container":
      return failure ? `removing an old container of ${step.name} ${how}` : undefined;
    case "remove-sandbox":
      return failure ? `removing an old sandbox ${how}` : undefined;
    case "release":
      return failure ? `taking down volumes and cgroup ${how}` : undefined;
    case "finish":
      return failure ? `cleaning up ${how}` : undefined;
    default:
      return unreachable(step);
  }
}

/** An event of the image desk in plain words; undefined for events whose step tells of them. */
export function imageText(reason: string, message: string): string | undefined {
  const pulled = /^Successfully pulled image "(.*)" in (\S+)/.exec(message);
  if (pulled) return `image ${pulled[1]} pulled in ${pulled[2]}`;
  const here = /^Container image "(.*)" already present/.exec(message);
  if (here) return `image ${here[1]} was here already`;
  return reason === "Failed" && /image/.test(message) ? message : undefined;
}

const span = (ms: number): string => (ms < 1000 ? `${Math.max(1, Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`);
