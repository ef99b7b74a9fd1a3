import { orAborted } from "../../base/abort.ts";
import { KubeletError } from "../../base/fault.ts";
import type { Log } from "../../base/log.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Files } from "../../ports/files.ts";
import type { ApiEndpoint } from "../../ports/kube-api.ts";

export interface CredentialDeps {
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Log;
}

/** What `current` throws: no request can be made. */
export const noCredentials = ({ server }: ApiEndpoint, why: string, cause?: unknown): KubeletError =>
  new KubeletError(`Cannot ask ${server}: ${why}`, { code: "api-unavailable", server }, { cause });

/** One run of `work` at a time, shared by all who ask meanwhile; each stops waiting when its own signal aborts. */
export function shared<T>(work: () => Promise<T>): (signal: AbortSignal) => Promise<T> {
  let running: Promise<T> | undefined;
  return async (signal) => {
    signal.throwIfAborted();
    running ??= work().finally(() => (running = undefined));
    return orAborted(running, signal);
  };
}
