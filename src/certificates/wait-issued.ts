import { isFault } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { millis, seconds } from "../base/units.ts";
import type { CertificateSigningRequest } from "../model/kubernetes.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { Random } from "../ports/random.ts";
import { type Asked, certificateOf, notIssued, SIGNING_REQUESTS } from "./signing-request.ts";

export interface WaitDeps {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** The server ends a watch after this long, and it is begun anew. */
const WATCH_SECONDS = 300;
const FIRST_PAUSE = seconds(1);
const LONGEST_PAUSE = seconds(30);

/**
 * Waits, by watch, until the request is signed; gives the certificate as PEM. While the API server is away or refuses, it is asked again.
 * @throws KubeletError `certificate-not-issued`; `signal.reason`: the caller sets the limit
 */
export async function waitIssued(asked: Asked, deps: WaitDeps, signal: AbortSignal): Promise<string> {
  const { api, clock, random, log } = deps;
  for (let pause: number = FIRST_PAUSE; ; ) {
    try {
      const issued = await watchOnce(asked, api, signal);
      if (issued !== undefined) return issued;
      pause = FIRST_PAUSE;
    } catch (error) {
      signal.throwIfAborted();
      if (!isFault(error, "api-unavailable") && !isFault(error, "api-refused")) throw error;
      log.debug(2, "Failed to look at certificate signing request, trying again", {
        csr: asked.name,
        err: error.message,
      });
    }
    await clock.sleep(millis(pause * (1 + random.fraction())), signal);
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  }
}

/** Looks at it, and at each change of it until the server ends the watch. */
async function watchOnce(asked: Asked, api: KubeApi, signal: AbortSignal): Promise<string | undefined> {
  const fieldSelector = `metadata.name=${asked.name}`;
  const { items, resourceVersion } = await api.list<CertificateSigningRequest>(
    SIGNING_REQUESTS,
    { fieldSelector },
    signal,
  );
  const issued = certificateOf(items[0], asked);
  if (issued !== undefined) return issued;
  const query = { fieldSelector, resourceVersion, timeoutSeconds: WATCH_SECONDS };
  for await (const event of api.watch<CertificateSigningRequest>(SIGNING_REQUESTS, query, signal)) {
    if (event.type === "BOOKMARK") continue;
    if (event.type === "DELETED") throw notIssued(asked.name, "it was deleted");
    const certificate = certificateOf(event.object, asked);
    if (certificate !== undefined) return certificate;
  }
  return undefined;
}
