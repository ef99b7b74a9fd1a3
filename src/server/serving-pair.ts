import { dirname } from "node:path";
import { KubeletError } from "../base/fault.ts";
import type { Clock } from "../ports/clock.ts";
import type { Files } from "../ports/files.ts";
import type { HttpServers, ServingPair } from "../ports/http-server.ts";

export interface PairOptions {
  /** tlsCertFile and tlsPrivateKeyFile, both or neither. */
  readonly certFile: string;
  readonly keyFile: string;
  readonly certDirectory: string;
  /** The name in a certificate that has to be made. */
  readonly hostName: string;
}
export interface PairDeps {
  readonly files: Files;
  readonly clock: Clock;
  readonly http: Pick<HttpServers, "selfSigned">;
}

const MAX_PEM = 1024 * 1024;

/** Where the serving pair lies: as configured, else the self-signed one. */
export function pairPaths({ certFile, keyFile, certDirectory }: PairOptions): {
  readonly cert: string;
  readonly key: string;
} {
  return certFile !== "" || keyFile !== ""
    ? { cert: certFile, key: keyFile }
    : { cert: `${certDirectory}/kubelet.crt`, key: `${certDirectory}/kubelet.key` };
}

/** Reads the pair; makes a self-signed one where none is configured and none is there. @throws KubeletError `start-refused`, `file-failed` */
export async function loadServingPair(options: PairOptions, deps: PairDeps): Promise<ServingPair> {
  const paths = pairPaths(options);
  const [cert, key] = await Promise.all([readPem(deps.files, paths.cert), readPem(deps.files, paths.key)]);
  if (cert !== undefined && key !== undefined) return { cert, key };
  const missing = cert === undefined ? paths.cert : paths.key;
  const configured = options.certFile !== "" || options.keyFile !== "";
  if (configured || cert !== undefined || key !== undefined) {
    const remedy = configured
      ? "create it, or unset tlsCertFile and tlsPrivateKeyFile"
      : "restore it, or remove the other one too: a new pair is made then";
    const needed = missing === paths.cert ? "certificate" : "key";
    throw new KubeletError(`Cannot serve TLS: ${needed} file ${JSON.stringify(missing)} is missing; ${remedy}`, {
      code: "start-refused",
      what: missing,
    });
  }
  const fresh = await deps.http.selfSigned(options.hostName, deps.clock.wall());
  await deps.files.makeDirectory(dirname(paths.key), 0o755);
  await deps.files.writeAtomic(paths.key, fresh.key, 0o600);
  await deps.files.writeAtomic(paths.cert, fresh.cert, 0o644);
  return fresh;
}

/** undefined when absent or no path is given. */
export async function readPem(files: Files, path: string): Promise<string | undefined> {
  const content = path === "" ? undefined : await files.read(path, MAX_PEM);
  return content === undefined ? undefined : Buffer.from(content).toString("utf8");
}
