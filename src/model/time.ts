import type { Time } from "./kubernetes.ts";

/** As objects of the API write it, in whole seconds. `at`: ms since the epoch. */
export const timeText = (at: number): Time => `${new Date(at).toISOString().slice(0, 19)}Z`;
