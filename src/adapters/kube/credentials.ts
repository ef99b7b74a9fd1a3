import type { ApiUser } from "../../model/api-user.ts";
import type { ApiCredentials, ApiEndpoint, CredentialSource } from "../../ports/kube-api.ts";
import { type CredentialDeps, shared } from "./credentials-common.ts";
import { fileCredentials } from "./credentials-files.ts";

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
