import { KubeletError } from "../base/fault.ts";
import { whyUnusable } from "../certificates/index.ts";
import { type Kubeconfig, readKubeconfig } from "../kube/index.ts";
import type { ApiUser, Pem } from "../model/api-user.ts";
import { MAX_PEM } from "../model/certificate.ts";
import type { Clock } from "../ports/clock.ts";
import type { Files } from "../ports/files.ts";
import type { ApiEndpoint } from "../ports/kube-api.ts";

const MAX_KUBECONFIG = 4 * 1024 * 1024;

/** @throws KubeletError `config-invalid`, `file-failed`, `start-refused` when there is none */
export async function loadKubeconfig(path: string, option: string, files: Files): Promise<Kubeconfig> {
  const content = await files.read(path, MAX_KUBECONFIG);
  if (content !== undefined) return readKubeconfig(content, path);
  throw new KubeletError(`Cannot read kubeconfig ${path} (${option}): there is no such file`, {
    code: "start-refused",
    what: path,
  });
}

/** With the CA read. @throws KubeletError `config-invalid`, `file-failed` */
export async function endpointOf({ cluster, path }: Kubeconfig, files: Files): Promise<ApiEndpoint> {
  const { ca, ...rest } = cluster;
  const text = ca === undefined ? undefined : await pemText(ca, files);
  if (ca === undefined || text?.includes("-----BEGIN CERTIFICATE-----")) return { ...rest, ca: text };
  const where = "file" in ca ? `certificate-authority ${ca.file}` : "certificate-authority-data";
  const message = text === undefined ? "there is no such file" : "holds no PEM certificate";
  throw new KubeletError(`Cannot use kubeconfig ${path}: ${where}: ${message}`, {
    code: "config-invalid",
    problems: [{ field: "certificate-authority", message }],
  });
}

export async function pemText(pem: Pem, files: Files): Promise<string | undefined> {
  if ("text" in pem) return pem.text;
  const content = await files.read(pem.file, MAX_PEM);
  return content === undefined ? undefined : Buffer.from(content).toString("latin1");
}

/**
 * Why the kubeconfig at `path` is of no use to a node that has a bootstrap kubeconfig as well; undefined: it is to be used. Upstream's rule:
 * only one with a client certificate counts, and none of the chain may have expired.
 * @throws KubeletError `file-failed` when it is there and can't be read
 */
export const whyBootstrap = (
  path: string,
  deps: { readonly files: Files; readonly clock: Clock },
): Promise<string | undefined> => whyUnusableAt(path, true, deps);

/** The same for a node that has no other: credentials of another kind than a certificate do as well. */
export const whyUnfit = (
  path: string,
  deps: { readonly files: Files; readonly clock: Clock },
): Promise<string | undefined> => whyUnusableAt(path, false, deps);

async function whyUnusableAt(
  path: string,
  needsCertificate: boolean,
  { files, clock }: { readonly files: Files; readonly clock: Clock },
): Promise<string | undefined> {
  const content = await files.read(path, MAX_KUBECONFIG);
  if (content === undefined) return `there is no kubeconfig ${path} yet`;
  try {
    const kubeconfig = await readKubeconfig(content, path);
    await endpointOf(kubeconfig, files);
    if (!needsCertificate && kubeconfig.user.certificate === undefined) return undefined;
    return whyUnusable(await certificateTexts(kubeconfig, files), clock.wall());
  } catch (error) {
    if (error instanceof KubeletError) return error.message;
    throw error;
  }
}

/** PEM of the client certificate; undefined: none. */
export const certificateText = async (kubeconfig: Kubeconfig, files: Files): Promise<string | undefined> =>
  (await certificateTexts(kubeconfig, files)).cert;

async function certificateTexts({ user: { certificate }, path }: Kubeconfig, files: Files) {
  if (certificate === undefined) return { what: `kubeconfig ${path}`, cert: undefined, key: undefined };
  const { cert, key } = certificate;
  return {
    what: "file" in cert ? `client certificate ${cert.file}` : `client certificate in kubeconfig ${path}`,
    cert: await pemText(cert, files),
    key: await pemText(key, files),
  };
}

/** Where a user's certificate lies in files, for a rotation that goes on from it. */
export function certificateFiles({ certificate }: ApiUser): readonly { readonly cert: string; readonly key: string }[] {
  if (certificate === undefined) return [];
  const { cert, key } = certificate;
  return "file" in cert && "file" in key ? [{ cert: cert.file, key: key.file }] : [];
}
