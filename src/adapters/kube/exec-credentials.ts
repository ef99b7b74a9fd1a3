import { messageOf } from "../../base/fault.ts";
import type { ExecPlugin } from "../../model/api-user.ts";
import { readCertificates, validityTrouble } from "../../model/certificate.ts";
import type { ApiCredentials, ApiEndpoint, CredentialSource } from "../../ports/kube-api.ts";
import { type CredentialDeps, noCredentials, shared } from "./credentials-common.ts";
import { decodeExecCredential, type ExecCredential, execInfo } from "./exec-credential.ts";
import { runExecPlugin } from "./exec-plugin.ts";

/** Credentials of an exec plugin: run when none are there, when they have expired, and after the server refused them. */
export function execCredentials(
  plugin: ExecPlugin,
  endpoint: ApiEndpoint,
  { clock, log }: Pick<CredentialDeps, "clock" | "log">,
  signal: AbortSignal,
): CredentialSource {
  let given: ExecCredential | undefined;
  const isGood = ({ expiresAt }: ExecCredential) => expiresAt === undefined || clock.wall() <= expiresAt;

  const run = shared(async (): Promise<ApiCredentials> => {
    try {
      const output = await runExecPlugin(plugin, execInfo(plugin, endpoint), signal);
      given = await decodeExecCredential(output, plugin);
    } catch (error) {
      if (signal.aborted) throw error;
      throw noCredentials(endpoint, `credential plugin ${plugin.command} ${messageOf(error)}`, error);
    }
    const { cert } = given.credentials;
    const [facts] = cert === undefined ? [] : readCertificates(cert);
    const trouble =
      facts && validityTrouble(`Client certificate of credential plugin ${plugin.command}`, facts, clock.wall());
    if (trouble !== undefined) log.warn(trouble);
    return given.credentials;
  });
  return {
    async current(until) {
      until.throwIfAborted();
      return given !== undefined && isGood(given) ? given.credentials : run(until);
    },
    refused(credentials) {
      if (given?.credentials === credentials) given = undefined;
    },
  };
}
