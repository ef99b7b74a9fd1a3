import { repositoryOf } from "./pull-records.ts";

/** Values of imagePullCredentialsVerificationPolicy. */
export type VerificationPolicy =
  | "NeverVerify"
  | "NeverVerifyPreloadedImages"
  | "NeverVerifyAllowlistedImages"
  | "AlwaysVerify";

/** Whether a pod must show credentials for an image that is present. `allowlist`: image names without tag, or beginnings that end in `/*`. */
export function verification(
  policy: VerificationPolicy,
  allowlist: readonly string[],
): (image: string, pulledByUs: boolean) => boolean {
  switch (policy) {
    case "NeverVerify":
      return () => false;
    case "NeverVerifyPreloadedImages":
      return (_, pulledByUs) => pulledByUs;
    case "NeverVerifyAllowlistedImages":
      return (image) => !allowlist.some((pattern) => matches(pattern, repositoryOf(image)));
    case "AlwaysVerify":
      return () => true;
  }
}

const matches = (pattern: string, repository: string): boolean =>
  pattern.endsWith("/*") ? repository.startsWith(pattern.slice(0, -1)) : repository === pattern;
