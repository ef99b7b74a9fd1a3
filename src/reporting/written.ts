import { isDeepStrictEqual } from "node:util";
import { type Millis, millis } from "../base/units.ts";
import type { Pod, PodStatus } from "../model/kubernetes.ts";
import { sameStatus } from "./merge-status.ts";
import { statusPatch } from "./status-patch.ts";

/** Whoever changes what we wrote is corrected that often at most: two writers must not chase each other. Upstream looks every ten seconds. */
const RECONCILE_MS = 10_000;

/** The last write: what was wanted, and what the API server made of it. */
export interface Written {
  /** Of the object in the API. */
  readonly uid: string;
  readonly wanted: PodStatus;
  readonly body: object;
  readonly result: PodStatus;
  readonly at: number;
  /** The same had been written before. */
  readonly again: boolean;
}

/** What was written already and is not there: the API server would not take it as it was, or somebody changed it since. */
export function paced(
  written: Written | undefined,
  base: Pod,
  wanted: PodStatus,
  now: number,
): Millis | "settled" | undefined {
  const { metadata: { uid = "" } = {}, status = {} } = base;
  if (!written || written.uid !== uid || !sameStatus(written.wanted, wanted)) return undefined;
  if (sameStatus(written.result, status)) {
    if (isDeepStrictEqual(statusPatch(uid, status, wanted), written.body)) return "settled";
    // The last write was made for a state that was not so any more.
    if (!written.again) return undefined;
  }
  const due = written.at + RECONCILE_MS;
  return due > now ? millis(due - now) : undefined;
}

/** Versions of one resource are numbers that grow (KEP-5504). What is no number tells nothing. */
export function isNewer(a: Pod, b: Pod): boolean {
  const [first = "", second = ""] = [a.metadata?.resourceVersion, b.metadata?.resourceVersion];
  if (!/^\d{1,38}$/.test(first) || !/^\d{1,38}$/.test(second)) return false;
  return BigInt(first) > BigInt(second);
}
