import type { Log } from "../base/log.ts";
import type { KubeletConfig } from "../config/index.ts";
import {
  nodeCredentials,
  PullRecords,
  podCredentials,
  type ReadCredentials,
  type VerificationPolicy,
  verification,
} from "../images/index.ts";
import type { Clock } from "../ports/clock.ts";
import type { Files } from "../ports/files.ts";
import type { ReferencedObjects } from "../ports/referenced.ts";
import type { Images } from "../ports/runtime.ts";

export interface ImageAccess {
  readonly readCredentials: ReadCredentials;
  /** undefined: every pod may have what is on the node. */
  readonly pullRecords: PullRecords | undefined;
}

export interface ImageAccessDeps {
  readonly files: Files;
  readonly images: Images;
  readonly clock: Clock;
  readonly log: Log;
  readonly objects: ReferencedObjects;
  readonly homeDir: string | undefined;
}

/** With whose credentials images are pulled, and which pod may have which. */
export function imageAccess(config: KubeletConfig, deps: ImageAccessDeps): ImageAccess {
  const { files, images, clock, log, objects, homeDir } = deps;
  const { rootDir } = config.flags;
  const { imagePullCredentialsVerificationPolicy: policy, preloadedImagesVerificationAllowlist: allowlist } =
    config.kubelet;
  const readCredentials = podCredentials(nodeCredentials({ rootDir, homeDir }, files, log), objects, log);
  // Without the gate there is no policy.
  if (!config.gatesOn.has("KubeletEnsureSecretPulledImages")) return { readCredentials, pullRecords: undefined };
  const mustVerify = verification(policy as VerificationPolicy, allowlist);
  return {
    readCredentials,
    pullRecords: new PullRecords({ rootDir, mustVerify }, { files, images, clock, log }),
  };
}
