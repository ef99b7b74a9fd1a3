/** The pods of a session at the keyboard: one case for each thing that users see of a node every day. */
import { BROKEN } from "./broken.ts";
import type { Case } from "./case.ts";
import { HEALTHY } from "./healthy.ts";
import { INSIDE } from "./inside.ts";

/** By the pod's name. Every pod is bound to the node by spec.nodeName, so that the scheduler's events are not in the way. The first has the image pulled. */
export const CASES: Readonly<Record<string, Case>> = { ...HEALTHY, ...INSIDE, ...BROKEN };
