import type { Instant, Millis } from "../base/units.ts";
import type { Container } from "../model/kubernetes.ts";

export interface Stop {
  readonly id: string;
  readonly name: string;
  readonly grace: Millis;
  /** Text of the Killing event. */
  readonly message: string;
  /** It is stopped in order to start again, whatever the restart policy says. */
  readonly restart: boolean;
  /** Names of containers that must be gone first: a sidecar outlives those that may need it. */
  readonly after: readonly string[];
}

/** One small, idempotent thing to do. Steps of a plan run in order; the stops of one step run side by side. */
export type Step =
  | { readonly kind: "prepare" }
  | { readonly kind: "fetch-image"; readonly container: Container; readonly attempt: number }
  | { readonly kind: "run-sandbox"; readonly attempt: number; readonly replaces: boolean }
  | { readonly kind: "stop-containers"; readonly stops: readonly Stop[] }
  | { readonly kind: "stop-sandbox"; readonly id: string }
  | {
      readonly kind: "start-container";
      readonly container: Container;
      readonly attempt: number;
      readonly finishedAt: number | undefined;
    }
  | { readonly kind: "remove-container"; readonly id: string; readonly name: string }
  | { readonly kind: "remove-sandbox"; readonly id: string }
  /** Volumes and cgroup go: nothing runs any more. What tells of the pod stays: dead containers, logs. */
  | { readonly kind: "release" }
  | { readonly kind: "finish" };

/** Why a container waits, in the words of its status. */
export interface Waiting {
  readonly reason: string;
  readonly message: string;
}

export interface Hold extends Waiting {
  readonly until: Instant;
}
