import { dirname, isAbsolute, join } from "node:path";
import { isFault, KubeletError, type Problem } from "../base/fault.ts";
import type { ApiUser, Pem } from "../model/api-user.ts";
import { manifestText, parseYamlDocument } from "../model/yaml.ts";
import { execPluginOf } from "./kubeconfig-exec.ts";
import { FieldReader } from "./kubeconfig-fields.ts";

/** What the current context of a kubeconfig says. Paths are absolute, or relative to the working directory where the file's path is. */
export interface Kubeconfig {
  readonly path: string;
  readonly cluster: KubeconfigCluster;
  readonly user: ApiUser;
  /** What stands in the file and does nothing here, one sentence each. */
  readonly warnings: readonly string[];
}

export interface KubeconfigCluster {
  /** `https://10.0.0.1:6443`, maybe with a path prefix. */
  readonly server: string;
  /** undefined: the system's. */
  readonly ca: Pem | undefined;
  readonly tlsServerName: string | undefined;
  readonly insecureSkipTlsVerify: boolean;
  readonly proxyUrl: string | undefined;
}

const PROXY_SCHEMES = ["http:", "https:", "socks5:"];
/** Under it a cluster may hold what its users' exec plugins are to be told. */
const EXEC_EXTENSION = "client.authentication.k8s.io/exec";

/**
 * Reads a kubeconfig, as the Go kubelet does but for the credentials that it would not act on or that need a terminal: those are refused.
 * @throws KubeletError `config-invalid` with every problem found, by field
 */
export async function readKubeconfig(content: Uint8Array, path: string): Promise<Kubeconfig> {
  const what = `kubeconfig ${path}`;
  try {
    const { value, ignoredDocuments } = await parseYamlDocument(manifestText(content, what), what);
    const kubeconfig = decodeKubeconfig(value, path);
    if (ignoredDocuments === 0) return kubeconfig;
    const rest = `${what} holds ${ignoredDocuments} more documents, which are not read`;
    return { ...kubeconfig, warnings: [...kubeconfig.warnings, rest] };
  } catch (error) {
    if (isFault(error, "manifest-invalid"))
      throw new KubeletError(error.message, { code: "config-invalid", problems: error.fault.problems });
    throw error;
  }
}

/** The same for a parsed document. @throws KubeletError `config-invalid` */
export function decodeKubeconfig(document: unknown, path: string): Kubeconfig {
  const problems: Problem[] = [];
  const unknown: string[] = [];
  const file = FieldReader.of(document, "", { problems, unknown });
  file.fixed("apiVersion", "v1");
  file.fixed("kind", "Config");
  file.skip("preferences", "extensions");
  const current = file.text("current-context");
  const contexts = file.named("contexts", "context");
  const clusters = file.named("clusters", "cluster");
  const users = file.named("users", "user");
  file.done();
  if (current === undefined) file.problem("current-context", "is required: it says which context the kubelet uses");
  const context = file.pick(contexts, current, "current-context", "contexts");
  const cluster = context && file.pick(clusters, context.required("cluster"), context.path("cluster"), "clusters");
  const user = context && file.pick(users, context.required("user"), context.path("user"), "users");
  context?.skip("namespace", "extensions");
  context?.done();
  const inFolder = (name: string): string => (isAbsolute(name) ? name : join(dirname(path), name));
  const execConfig = cluster?.extension(EXEC_EXTENSION);
  const decoded = {
    cluster: cluster && clusterOf(cluster, inFolder),
    user: user && userOf(user, inFolder, execConfig),
  };
  if (problems.length > 0 || decoded.cluster === undefined || decoded.user === undefined) throw invalid(path, problems);
  const warnings = [...unknown, ...idleCredentials(decoded.user, decoded.cluster, current ?? "")];
  return {
    path,
    cluster: decoded.cluster,
    user: decoded.user,
    warnings: warnings.map((text) => `kubeconfig ${path}: ${text}`),
  };
}

type InFolder = (name: string) => string;

function clusterOf(cluster: FieldReader, inFolder: InFolder): KubeconfigCluster {
  const server = cluster.required("server");
  const ca = cluster.pem("certificate-authority", inFolder);
  const insecureSkipTlsVerify = cluster.flag("insecure-skip-tls-verify");
  const proxyUrl = cluster.text("proxy-url");
  const tlsServerName = cluster.text("tls-server-name");
  // Our answers are never compressed, so there is nothing to turn off.
  cluster.skip("disable-compression", "extensions");
  cluster.done();
  if (server !== undefined) checkServer(server, cluster);
  if (insecureSkipTlsVerify && ca !== undefined)
    cluster.problem("insecure-skip-tls-verify", "excludes certificate-authority: remove one of them");
  if (proxyUrl !== undefined && !PROXY_SCHEMES.includes(URL.parse(proxyUrl)?.protocol ?? ""))
    cluster.problem("proxy-url", "must be a URL that begins with http://, https:// or socks5://");
  return { server: server?.replace(/\/+$/, "") ?? "", ca, tlsServerName, insecureSkipTlsVerify, proxyUrl };
}

function checkServer(server: string, cluster: FieldReader): void {
  const url = URL.parse(server);
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.host === "")
    cluster.problem("server", `must be a URL like https://10.0.0.1:6443, is ${JSON.stringify(server.slice(0, 80))}`);
  else if (url.username !== "" || url.password !== "")
    cluster.problem("server", "must not hold a user name or password: they belong into the user");
  else if (url.search !== "" || url.hash !== "") cluster.problem("server", "must not hold a query or a fragment");
}

function userOf(user: FieldReader, inFolder: InFolder, execConfig: unknown): ApiUser {
  const cert = user.pem("client-certificate", inFolder);
  const key = user.pem("client-key", inFolder);
  const token = user.text("token");
  const tokenFile = user.text("tokenFile");
  const basic = { username: user.text("username"), password: user.text("password") };
  const exec = user.object("exec");
  user.refuse("auth-provider", "is not supported: use exec with a credential plugin");
  for (const name of ["as", "as-uid", "as-groups", "as-user-extra"])
    user.refuse(name, "is not supported: a node acts as itself; remove it, and give the credentials of the node");
  user.skip("extensions");
  user.done();
  if (cert !== undefined && key === undefined)
    user.problem("client-key", "is required with client-certificate: give client-key or client-key-data");
  if (key !== undefined && cert === undefined)
    user.problem(
      "client-certificate",
      "is required with client-key: give client-certificate or client-certificate-data",
    );
  const hasBasic = basic.username !== undefined || basic.password !== undefined;
  if (hasBasic && token !== undefined) user.problem("token", "excludes username and password: keep one of them");
  if (token !== undefined && /[\r\n\0]/.test(token)) user.problem("token", "must be one line");
  return {
    certificate: cert && key && { cert, key },
    token,
    tokenFile: tokenFile === undefined ? undefined : inFolder(tokenFile),
    basic: hasBasic ? { username: basic.username ?? "", password: basic.password ?? "" } : undefined,
    exec: exec && execPluginOf(exec, inFolder, execConfig),
  };
}

/** Credentials that another one keeps from being used, as upstream's client orders them. */
function idleCredentials(user: ApiUser, { server }: KubeconfigCluster, context: string): readonly string[] {
  const { certificate, token, tokenFile, basic, exec } = user;
  const all = { certificate, token: token ?? tokenFile, "username and password": basic, exec };
  const given = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (server.startsWith("http:"))
    return given.length === 0
      ? []
      : [`${given.join(", ")} of the user are not sent, because the server's URL begins with http://`];
  if (given.length === 0) return [`the user of context ${JSON.stringify(context)} has no credentials: it is anonymous`];
  if (exec !== undefined && given.length > 1)
    return [`exec is not run, because the user has ${given.filter((name) => name !== "exec").join(", ")} too`];
  return [];
}

const MAX_PROBLEMS = 20;

function invalid(path: string, problems: readonly Problem[]): KubeletError {
  const shown = problems.slice(0, MAX_PROBLEMS);
  const lines = shown.map(({ field, message }) => (field === "" ? message : `${field} ${message}`));
  const rest = problems.length > shown.length ? `; and ${problems.length - shown.length} more` : "";
  return new KubeletError(`Cannot use kubeconfig ${path}: ${lines.join("; ")}${rest}`, {
    code: "config-invalid",
    problems: shown,
  });
}
