import { orAborted } from "../../base/abort.ts";
import { KubeletError } from "../../base/fault.ts";
import type { Log } from "../../base/log.ts";
import type { ApiUser } from "../../model/api-user.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Files } from "../../ports/files.ts";
import type { ApiCredentials, ApiEndpoint, CredentialSource } from "../../ports/kube-api.ts";
import { fileCredentials } from "./credentials-files.ts";

export interface CredentialDeps {
  readonly files: Files;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The credentials of a kubeconfig's user. Files are read when first needed and again after they changed, an exec plugin is run when what
 * it gave has expired or was refused. `signal` ends what watches files and what runs.
 */
export function openCredentials(
  user: ApiUser,
  endpoint: ApiEndpoint,
  deps: CredentialDeps,
  signal: AbortSignal,
): CredentialSource {
  const { certificate, token, tokenFile, basic, exec } = user;
  // Upstream's client sends nothing that a listener on the way could read.
  if (endpoint.server.startsWith("http:")) return fixedCredentials({});
  if (certificate || token !== undefined || tokenFile !== undefined || basic)
    return fileCredentials(user, endpoint, deps, signal);
  return exec ? execOnDemand(exec, endpoint, deps, signal) : fixedCredentials({});
}

/** Credentials that never change. */
export const fixedCredentials = (credentials: ApiCredentials): CredentialSource => ({
  current: async (signal) => {
    signal.throwIfAborted();
    return credentials;
  },
  refused: () => {},
});

/** The code that runs programs is loaded by nodes that have a plugin only. */
function execOnDemand(
  exec: NonNullable<ApiUser["exec"]>,
  endpoint: ApiEndpoint,
  deps: CredentialDeps,
  signal: AbortSignal,
): CredentialSource {
  let source: CredentialSource | undefined;
  const open = shared(async () => {
    const { execCredentials } = await import("./exec-credentials.ts");
    source ??= execCredentials(exec, endpoint, deps, signal);
    return source;
  });
  return {
    current: async (until) => (source ?? (await open(until))).current(until),
    refused: (credentials) => source?.refused(credentials),
  };
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
