import { messageOf } from "../../base/fault.ts";
import { isRecord } from "../../base/record.ts";
import type { ExecPlugin } from "../../model/api-user.ts";
import { readKeyPair } from "../../model/certificate.ts";
import { parseYamlDocument } from "../../model/yaml.ts";
import type { ApiCredentials, ApiEndpoint } from "../../ports/kube-api.ts";

/** What an exec plugin gave. */
export interface ExecCredential {
  readonly credentials: ApiCredentials;
  /** undefined: until refused. */
  readonly expiresAt: Date | undefined;
}

/** The value of KUBERNETES_EXEC_INFO: an ExecCredential with what the plugin may need to know. */
export function execInfo({ apiVersion, clusterInfo }: ExecPlugin, endpoint: ApiEndpoint): string {
  const { server, ca, tlsServerName, insecureSkipTlsVerify, proxyUrl } = endpoint;
  const cluster = clusterInfo && {
    server,
    "tls-server-name": tlsServerName,
    "insecure-skip-tls-verify": insecureSkipTlsVerify || undefined,
    "certificate-authority-data": ca === undefined ? undefined : Buffer.from(ca, "latin1").toString("base64"),
    "proxy-url": proxyUrl,
    config: clusterInfo.config ?? null,
  };
  return JSON.stringify({ kind: "ExecCredential", apiVersion, spec: { cluster, interactive: false } });
}

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
type JsonObject = { readonly [name: string]: unknown };

/** Reads what a plugin printed: an ExecCredential with a status. @throws Error that says what is wrong, made to follow the plugin's name; never with what it printed */
export async function decodeExecCredential(output: string, { apiVersion }: ExecPlugin): Promise<ExecCredential> {
  const printed = await parsed(output);
  if (!isRecord(printed) || printed.kind !== "ExecCredential") throw new Error("printed no ExecCredential");
  if (printed.apiVersion !== apiVersion)
    throw new Error(
      `printed an ExecCredential of another apiVersion than ${apiVersion}, which the kubeconfig asks for`,
    );
  const { status } = printed;
  if (!isRecord(status)) throw new Error("printed an ExecCredential without status");
  const token = textOf(status, "token");
  const cert = textOf(status, "clientCertificateData");
  const key = textOf(status, "clientKeyData");
  if (token === undefined && cert === undefined && key === undefined)
    throw new Error("gave neither a token nor a certificate with its key");
  if ((cert === undefined) !== (key === undefined)) throw new Error("gave only one of certificate and key");
  if (token !== undefined && /[\r\n\0]/.test(token)) throw new Error("gave a token with a line break");
  const pair = cert === undefined || key === undefined ? undefined : keyPair(cert, key);
  return { credentials: { cert: pair?.cert, key: pair?.key, token }, expiresAt: expiryOf(status) };
}

async function parsed(output: string): Promise<unknown> {
  if (output.trim() === "") throw new Error("printed nothing");
  try {
    return JSON.parse(output);
  } catch {
    // Upstream takes YAML as well. The parser's messages are not passed on: what is printed may be a secret.
    return (await parseYamlDocument(output, "ExecCredential").catch(() => undefined))?.value;
  }
}

function keyPair(cert: string, key: string) {
  try {
    return readKeyPair(cert, key);
  } catch (error) {
    throw new Error(`gave a client certificate that ${messageOf(error)}`, { cause: error });
  }
}

function expiryOf(status: JsonObject): Date | undefined {
  const text = textOf(status, "expirationTimestamp");
  if (text === undefined) return undefined;
  const at = new Date(text);
  if (!RFC3339.test(text) || Number.isNaN(at.getTime()))
    throw new Error("gave an expirationTimestamp that is no RFC 3339 time");
  return at;
}

function textOf(status: JsonObject, name: string): string | undefined {
  const value = Object.hasOwn(status, name) ? status[name] : undefined;
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") throw new Error(`gave a ${name} that is no string`);
  return value;
}
