import { messageOf } from "../../base/fault.ts";
import { seconds } from "../../base/units.ts";
import type { ApiUser, Pem } from "../../model/api-user.ts";
import { type KeyPair, MAX_PEM, readKeyPair, validityTrouble } from "../../model/certificate.ts";
import type { ApiCredentials, ApiEndpoint, CredentialSource } from "../../ports/kube-api.ts";
import { type CredentialDeps, noCredentials, shared } from "./credentials-common.ts";

/** Upstream reads a token file once a minute, ten seconds before the minute is over. */
const TOKEN_AGE = seconds(50);
const MAX_TOKEN = 64 * 1024;

/** Certificate and key are read again after their files changed, a token file after 50 s or a refusal. What can't be read any more stays as it was. */
export function fileCredentials(
  user: ApiUser,
  endpoint: ApiEndpoint,
  deps: CredentialDeps,
  signal: AbortSignal,
): CredentialSource {
  const { clock, log } = deps;
  let credentials: ApiCredentials | undefined;
  let pair: KeyPair | undefined;
  let token = user.token;
  let pairIsStale = user.certificate !== undefined;
  let tokenReadAt: number | undefined;
  let complaint: string | undefined;

  const tokenIsStale = () =>
    user.tokenFile !== undefined && (tokenReadAt === undefined || clock.monotonic() - tokenReadAt >= TOKEN_AGE);

  /** What is there goes on to be used; said once, until something else is wrong. */
  const complain = (error: unknown) => {
    const text = messageOf(error);
    if (text !== complaint) log.error("Failed to read credentials again, using the last ones", { err: text });
    complaint = text;
  };

  async function readPair(certificate: NonNullable<ApiUser["certificate"]>): Promise<void> {
    // Before reading: what changes meanwhile is a change.
    pairIsStale = false;
    try {
      pair = await readCertificate(certificate, deps);
      const trouble = validityTrouble(nameOf(certificate.cert), pair.facts, clock.wall());
      if (trouble !== undefined) log.warn(trouble);
    } catch (error) {
      if (pair === undefined) {
        pairIsStale = true;
        throw noCredentials(endpoint, messageOf(error), error);
      }
      complain(error);
    }
  }

  async function readToken(path: string): Promise<void> {
    try {
      token = await readTokenFile(path, deps);
    } catch (error) {
      if (token === undefined) throw noCredentials(endpoint, messageOf(error), error);
      complain(error);
    }
    tokenReadAt = clock.monotonic();
  }

  const refresh = shared(async (): Promise<ApiCredentials> => {
    if (pairIsStale && user.certificate) await readPair(user.certificate);
    if (tokenIsStale() && user.tokenFile !== undefined) await readToken(user.tokenFile);
    const fresh: ApiCredentials = { cert: pair?.cert, key: pair?.key, token, basic: user.basic };
    if (credentials === undefined || !isSame(credentials, fresh)) credentials = fresh;
    return credentials;
  });

  const files = [user.certificate?.cert, user.certificate?.key].flatMap((pem) =>
    pem && "file" in pem ? [pem.file] : [],
  );
  for (const path of new Set(files)) void follow(path, () => (pairIsStale = true), deps, signal);
  return {
    async current(until) {
      until.throwIfAborted();
      return credentials === undefined || pairIsStale || tokenIsStale() ? refresh(until) : credentials;
    },
    refused(those) {
      if (those === credentials) tokenReadAt = undefined;
    },
  };
}

/** Calls `changed` at the start and after each change of the file. */
async function follow(path: string, changed: () => void, { files, log }: CredentialDeps, signal: AbortSignal) {
  try {
    for await (const _ of files.watch(path, signal)) changed();
  } catch (error) {
    if (!signal.aborted) log.error("Failed to watch file, changes of it are not seen", { path, err: messageOf(error) });
  }
}

async function readCertificate(
  { cert, key }: { readonly cert: Pem; readonly key: Pem },
  deps: CredentialDeps,
): Promise<KeyPair> {
  // One after the other: with both missing, the same one is always the one that is said.
  const certText = await textOf(cert, "certificate", deps);
  const keyText = await textOf(key, "key", deps);
  try {
    return readKeyPair(certText, keyText);
  } catch (error) {
    const where = "file" in key && nameOf(key) !== nameOf(cert) ? ` or key file ${key.file}` : "";
    throw new Error(`${nameOf(cert)}${where} ${messageOf(error)}`, { cause: error });
  }
}

async function textOf(pem: Pem, what: string, { files }: CredentialDeps): Promise<string> {
  if ("text" in pem) return pem.text;
  const content = await files.read(pem.file, MAX_PEM);
  if (content === undefined) throw new Error(`client ${what} file ${pem.file} is missing`);
  return Buffer.from(content).toString("latin1");
}

const nameOf = (cert: Pem): string =>
  "file" in cert ? `client certificate ${cert.file}` : "client certificate in the kubeconfig";

async function readTokenFile(path: string, { files }: CredentialDeps): Promise<string> {
  const content = await files.read(path, MAX_TOKEN);
  if (content === undefined) throw new Error(`token file ${path} is missing`);
  const token = Buffer.from(content).toString("utf8").trim();
  if (token === "") throw new Error(`token file ${path} is empty`);
  if (/[\r\n\0]/.test(token)) throw new Error(`token file ${path} holds more than one line`);
  return token;
}

const isSame = (a: ApiCredentials, b: ApiCredentials): boolean =>
  a.cert === b.cert && a.key === b.key && a.token === b.token;
