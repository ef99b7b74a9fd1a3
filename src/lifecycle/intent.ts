import type { Millis } from "../base/units.ts";
import type { Pod } from "../model/kubernetes.ts";

/** What is wanted of one pod. Stop is final for a UID: deleting, evicting and a vanished file are the same intent with a grace. */
export type PodIntent =
  | { readonly goal: "run"; readonly uid: string; readonly pod: Pod }
  | {
      readonly goal: "stop";
      readonly uid: string;
      /** undefined for a pod that only the runtime knows. */
      readonly pod: Pod | undefined;
      readonly grace: Millis;
      /**
       * The API server still has the pod: what the runtime and the log directory have of it stays, for its final status and its logs,
       * until an offer without this says that the API server has let it go.
       */
      readonly keep?: boolean | undefined;
    };
