/**
 * Seeds that failed once, with what was wrong; they run first. A seed means the same run only as long as the scenario draws its chances
 * in the same order: whoever changes that moves what matters here into unit tests beside the code (most have one) and begins anew.
 */
export const REGRESSIONS: readonly { readonly seed: number; readonly why: string }[] = [
  { seed: 5465, why: "what could not be read while leftovers were removed was never looked at again" },
  { seed: 825, why: "the same, for a pod whose file vanished while the runtime was away" },
  { seed: 8699, why: "a sandbox whose call was thought lost appeared after the clean-up and stayed" },
  { seed: 40914, why: "a container that must never restart ran twice after a StartContainer that took effect late" },
];
