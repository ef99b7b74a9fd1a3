import type { Millis } from "../base/units.ts";

/** Why the node itself ended a pod, in the words of its status. */
export interface Imposed {
  readonly reason: string;
  readonly message: string;
  /** Message of the condition DisruptionTarget; undefined: the pod gets none. */
  readonly disruption?: string | undefined;
}

/** The node itself ends a pod that is wanted: it is stopped, and nothing of it starts again. */
export interface Ending extends Imposed {
  readonly grace: Millis;
}
