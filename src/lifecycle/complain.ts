import { jittered } from "../base/backoff.ts";
import { isFault, type KubeletError, runtimeText } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { type Millis, millis, seconds } from "../base/units.ts";
import type { Pod } from "../model/kubernetes.ts";
import { podSubject, podText } from "../model/subject.ts";
import type { Events } from "../ports/events.ts";
import type { Random } from "../ports/random.ts";
import type { Step } from "./step.ts";

export interface ComplainDeps {
  readonly events: Events;
  readonly log: Log;
  readonly random: Random;
}

const SOON = millis(1_000);
/** Upstream's wait after a failed sync. */
export const RETRY_SPAN = seconds(10);

/** Event reason of a failed step, upstream's. Steps without one are told in the log only. */
const REASONS: { readonly [K in Step["kind"]]?: string } = {
  "run-sandbox": "FailedCreatePodSandBox",
  "stop-containers": "FailedKillPod",
  "stop-sandbox": "FailedKillPod",
};

/** Tells of a failed step and says how long to wait: soon where the whole runtime or network is away, else ten seconds and a bit. */
export function complainOf(
  uid: string,
  pod: Pod | undefined,
  step: Step,
  error: KubeletError,
  deps: ComplainDeps,
): Millis {
  const { message, fault } = error;
  deps.log.error("Cannot bring pod to its wanted state", {
    pod: pod ? podText(pod) : uid,
    step: step.kind,
    err: message,
  });
  const reason = reasonOf(step, error);
  if (pod && reason)
    deps.events.record({ type: "Warning", reason, message: textOf(step, reason, error), about: podSubject(pod) });
  if (fault.code === "runtime-unavailable" || fault.code === "network-not-ready") return SOON;
  return jittered(RETRY_SPAN, deps.random);
}

function reasonOf(step: Step, error: KubeletError): string | undefined {
  if (isFault(error, "runtime-unavailable")) return undefined;
  if (isFault(error, "network-not-ready")) return "NetworkNotReady";
  if (step.kind !== "prepare") return REASONS[step.kind];
  return isFault(error, "volume-not-mounted") ? "FailedMount" : "Failed";
}

function textOf(step: Step, reason: string, error: KubeletError): string {
  if (step.kind === "run-sandbox" && reason !== "NetworkNotReady")
    return `Failed to create pod sandbox: ${runtimeText(error)}`;
  return error.message;
}
