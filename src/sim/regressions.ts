/**
 * Seeds that failed once, with what was wrong; they run first. A seed means the same run only as long as the scenario draws its chances
 * in the same order: whoever changes that moves what matters here into unit tests beside the code (most have one) and begins anew.
 */
export const REGRESSIONS: readonly { readonly seed: number; readonly why: string }[] = [
  // SEEDS
];
