export interface Regression {
  readonly seed: number;
  readonly why: string;
  /** False: no pod of that run has probes, as none had when it failed. */
  readonly probes?: false;
}

/**
 * Seeds that failed once, with what was wrong; they run first. A seed means the same run only as long as the scenario draws its chances
 * in the same order: whoever changes that moves what matters here into unit tests beside the code (most have one) and begins anew.
 */
export const REGRESSIONS: readonly Regression[] = [
  { seed: 5465, why: "what could not be read while leftovers were removed was never looked at again", probes: false },
  { seed: 825, why: "the same, for a pod whose file vanished while the runtime was away", probes: false },
  { seed: 8699, why: "a sandbox whose call was thought lost appeared after the clean-up and stayed", probes: false },
  {
    seed: 40914,
    why: "a container that must never restart ran twice after a StartContainer that took effect late",
    probes: false,
  },
  { seed: 80, why: "two static pods of one name had no mirror pod", probes: false },
  { seed: 692, why: "a status that somebody had changed while the watch was behind was taken for ours", probes: false },
  { seed: 5640, why: "an old list of the API server had a running pod stopped", probes: false },
  { seed: 3708, why: "an ended pod was told to be ready after a write whose answer was lost", probes: false },
  { seed: 11188, why: "the same, after a watch that was behind for long", probes: false },
  { seed: 21308, why: "what somebody wrote into the status of an ended pod was taken for ours", probes: false },
  {
    seed: 4334,
    why: "a cgroup was made after its removal: directories of the pod had failed on a full disk, and the rest of the preparation went on",
  },
  {
    seed: 4192,
    why: "a kubelet that started again took back the end of a container that was made and never started, of a pod told to have failed",
  },
  {
    seed: 2509,
    why: "a pod ran unattended beside the one that had taken its name, after a start with the runtime away",
  },
  { seed: 2266, why: "a second sandbox was made for a pod that was listed, and not read yet" },
];
