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
  /** serverTLSBootstrap: the pair comes from the cluster, maybe later, and lies in `<certDirectory>/kubelet-server-current.pem`. */
  readonly fromCluster?: boolean;
  /** The name in a certificate that has to be made. */
  readonly hostName: string;
}
export interface PairDeps {
  readonly files: Files;
  readonly clock: Clock;
  readonly http: Pick<HttpServers, "selfSigned">;
}

const MAX_PEM = 1024 * 1024;

interface PairPaths {
  readonly cert: string;
  readonly key: string;
}

/** Where the serving pair lies: as the cluster's certificates are kept, as configured, else the self-signed one. */
export function pairPaths({ certFile, keyFile, certDirectory, fromCluster = false }: PairOptions): PairPaths {
  if (fromCluster) return clusterPair(certDirectory);
  return certFile !== "" || keyFile !== ""
    ? { cert: certFile, key: keyFile }
    : { cert: `${certDirectory}/kubelet.crt`, key: `${certDirectory}/kubelet.key` };
}

/** One file holds both. */
function clusterPair(certDirectory: string): PairPaths {
  const path = `${certDirectory}/kubelet-server-current.pem`;
  return { cert: path, key: path };
}

/**
 * Reads the pair; makes a self-signed one where none is configured and none is there. undefined: the cluster has not given one yet.
 * @throws KubeletError `start-refused`, `file-failed`
 */
export async function loadServingPair(options: PairOptions, deps: PairDeps): Promise<ServingPair | undefined> {
  const paths = pairPaths(options);
  if (options.fromCluster)
    return (
      (await readPair(deps.files, paths)) ??
      (await readPair(deps.files, { cert: options.certFile, key: options.keyFile }))
    );
  const { cert, key } = await readBoth(deps.files, paths);
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

/** undefined when one of the two is absent. */
export async function readPair(files: Files, paths: PairPaths): Promise<ServingPair | undefined> {
  const { cert, key } = await readBoth(files, paths);
  return cert === undefined || key === undefined ? undefined : { cert, key };
}

/** One after the other: where neither can be read, the same one is always the one that is said. A file that holds both is read once: it may be renewed now. */
async function readBoth(files: Files, paths: PairPaths) {
  const cert = await readPem(files, paths.cert);
  const key = paths.key === paths.cert ? cert : await readPem(files, paths.key);
  return { cert, key };
}

/** undefined when absent or no path is given. */
export async function readPem(files: Files, path: string): Promise<string | undefined> {
  const content = path === "" ? undefined : await files.read(path, MAX_PEM);
  return content === undefined ? undefined : Buffer.from(content).toString("utf8");
}
