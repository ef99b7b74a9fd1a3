import type { Time } from "../model/kubernetes.ts";

/** Timestamps of a status have whole seconds. `at`: ms since the epoch. */
export const timeText = (at: number): Time => `${new Date(at).toISOString().slice(0, 19)}Z`;
