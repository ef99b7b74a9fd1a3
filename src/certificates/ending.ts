import { KubeletError } from "../base/fault.ts";
import { millis, seconds } from "../base/units.ts";
import type { KeyPair } from "../model/certificate.ts";
import type { Clock } from "../ports/clock.ts";
import { EXIT_AFTER } from "./schedule.ts";

export interface Standing {
  /** undefined: none, or expired. */
  readonly current: () => KeyPair | undefined;
  /** The API server said no when it was last asked for a certificate: it is there. Of one that is away nothing can be expected. */
  readonly serverAnswers: () => boolean;
  readonly trouble: () => string | undefined;
}

const LOOK_AGAIN = seconds(10);
const LONGEST_SLEEP = seconds(600);

/**
 * Upstream's last resort: rejects with `start-refused` after five minutes without a good certificate while the API server answers. What
 * starts the kubelet again, or the bootstrap kubeconfig that it then reads, may have better credentials. Pods go on meanwhile.
 */
export async function endWithoutCertificate(standing: Standing, clock: Clock, signal: AbortSignal): Promise<never> {
  for (let lastSeen = clock.monotonic(); ; ) {
    const pair = standing.current();
    if (pair !== undefined) {
      const left = pair.facts.notAfter.getTime() - clock.wall().getTime();
      await clock.sleep(millis(Math.min(left + 1, LONGEST_SLEEP)), signal);
      lastSeen = clock.monotonic();
      continue;
    }
    if (clock.monotonic() - lastSeen >= EXIT_AFTER && standing.serverAnswers())
      throw new KubeletError(
        `Cannot go on as a node of the cluster: no good client certificate for 5 minutes, though the API server answers; ${standing.trouble() ?? "none was issued"}. A start with a valid --bootstrap-kubeconfig, or a new --kubeconfig, mends this`,
        { code: "start-refused", what: "client certificate" },
      );
    await clock.sleep(LOOK_AGAIN, signal);
  }
}
