export type Level = "ok" | "warning" | "problem";

/** One thing that was looked at. */
export interface Finding {
  /** What was looked at: "swap", "sysctl net.ipv4.ip_forward". */
  readonly about: string;
  /** `problem`: the kubelet will not start, or pods will not run as they should. `warning`: it may hurt later, or not here. */
  readonly level: Level;
  /** What was seen, with values. */
  readonly found: string;
  /** What to do about it. */
  readonly advice?: string;
}

export const ok = (about: string, found: string): Finding => ({ about, level: "ok", found });
export const warning = (about: string, found: string, advice: string): Finding => ({
  about,
  level: "warning",
  found,
  advice,
});
export const problem = (about: string, found: string, advice: string): Finding => ({
  about,
  level: "problem",
  found,
  advice,
});
