import { createPrivateKey } from "node:crypto";
import { KubeletError, messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { within } from "../base/within.ts";
import { isExpired, type KeyPair, readKeyPair, validityTrouble } from "../model/certificate.ts";
import type { Clock } from "../ports/clock.ts";
import type { Files } from "../ports/files.ts";
import type { CertificateRequest, Keys } from "../ports/keys.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { Random } from "../ports/random.ts";
import { ISSUE_LIMIT } from "./schedule.ts";
import { type Asked, ask, digestedName, notIssued } from "./signing-request.ts";
import { waitIssued } from "./wait-issued.ts";

export interface ObtainOptions {
  readonly wish: CertificateRequest;
  readonly signer: string;
  readonly usages: readonly string[];
  /** The certificate to ask with, where there is a good one. */
  readonly current: KeyPair | undefined;
  /** File of the key to ask with, made when absent, gone when the certificate is there. undefined: a new key. */
  readonly keptKey: string | undefined;
  readonly onAsked: (name: string) => void;
  /** What the server said, or that it said nothing. */
  readonly onRefused: (error: KubeletError) => void;
  /** Puts the pair on disk: until then it is not in force. */
  readonly keep: (pair: KeyPair) => Promise<void>;
}

export interface ObtainDeps {
  readonly keys: Keys;
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Lends an API server to ask: as the owner of `current`, or, without it, as whom may ask for the first certificate. */
  withApi<T>(current: KeyPair | undefined, use: (api: KubeApi) => Promise<T>, signal: AbortSignal): Promise<T>;
}

export interface Obtained {
  readonly pair: KeyPair;
  /** Name of the request. */
  readonly csr: string;
}

const MAX_KEY = 64 * 1024;

/**
 * One certificate by CertificateSigningRequest: key, request, wait, file.
 * @throws KubeletError `certificate-not-issued`, `api-unavailable`, `api-refused`, `file-failed`; `signal.reason`
 */
export async function obtainCertificate(
  options: ObtainOptions,
  deps: ObtainDeps,
  signal: AbortSignal,
): Promise<Obtained> {
  const { wish, signer, usages, current, keptKey } = options;
  const { keys, files, clock, random, log } = deps;
  const key = keptKey === undefined ? await keys.make() : await keyIn(keptKey, deps);
  const name = keptKey === undefined ? undefined : digestedName(key, wish, usages);
  const request = await keys.request(key, wish);
  const issued = await deps.withApi(
    current,
    async (api) => {
      const asked = await askOrTell(api, { signer, usages, request, name }, options, signal);
      options.onAsked(asked.name);
      const late = (): never => {
        throw notIssued(asked.name, "nobody approved and signed it within 15 minutes; is there an approver?");
      };
      const work = (until: AbortSignal) => waitIssued(asked, { api, clock, random, log }, until);
      return { asked, cert: await within(ISSUE_LIMIT, clock, { work, late, signal }) };
    },
    signal,
  );
  const dropKey = async () => {
    if (keptKey !== undefined) await files.removeFile(keptKey);
  };
  let pair: KeyPair;
  try {
    pair = pairOf(issued.cert, key, issued.asked, clock.wall());
  } catch (error) {
    // The same key would lead to the same request and the same answer.
    await dropKey();
    throw error;
  }
  await options.keep(pair);
  await dropKey();
  return { pair, csr: issued.asked.name };
}

async function askOrTell(
  api: KubeApi,
  asking: Parameters<typeof ask>[1],
  { onRefused }: ObtainOptions,
  signal: AbortSignal,
): Promise<Asked> {
  try {
    return await ask(api, asking, signal);
  } catch (error) {
    if (error instanceof KubeletError) onRefused(error);
    throw error;
  }
}

/** The key that an earlier try left, or a new one. */
async function keyIn(path: string, { files, keys, log }: ObtainDeps): Promise<string> {
  const content = await files.read(path, MAX_KEY);
  const text = content === undefined ? undefined : Buffer.from(content).toString("latin1");
  if (text !== undefined) {
    if (isKey(text)) return text;
    log.warn("Private key file can't be used, making a new key", { path });
  }
  const key = await keys.make();
  await files.makeDirectory(path.slice(0, path.lastIndexOf("/")), 0o755);
  await files.writeAtomic(path, key, 0o600);
  return key;
}

function isKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).asymmetricKeyType === "ec";
  } catch {
    return false;
  }
}

function pairOf(cert: string, key: string, { name }: Asked, now: Date): KeyPair {
  let pair: KeyPair;
  try {
    pair = readKeyPair(cert, key);
  } catch (error) {
    throw notIssued(name, `the certificate can't be used: it ${messageOf(error)}`);
  }
  if (!isExpired(pair.facts, now)) return pair;
  throw notIssued(name, validityTrouble("the certificate", pair.facts, now) ?? "");
}
