import type { RegistryAuth } from "../model/runtime.ts";
import type { ImageReference } from "./reference.ts";

/** A credential as docker's client writes it down. */
export interface DockerAuth extends RegistryAuth {
  /** No registry asks for it any more. */
  readonly email?: string | undefined;
}

/** Registry, or registry with the beginning of a path -> credentials, in the file's order. */
export type Auths = ReadonlyMap<string, readonly DockerAuth[]>;

const DEFAULT_REGISTRY = "index.docker.io";

/**
 * Reads a docker client's file: `config.json` (with `auths`) or the older `.dockercfg`. Entries that can't be read are named in
 * `problems`, without their content.
 * @throws SyntaxError when the text is no JSON object
 */
export function parseDockerConfig(
  text: string,
  kind: "config.json" | ".dockercfg",
): { readonly auths: Auths; readonly problems: readonly string[] } {
  const whole = asObject(parseJson(text));
  if (!whole) throw new SyntaxError("not a JSON object");
  const auths = new Map<string, readonly DockerAuth[]>();
  const problems: string[] = [];
  for (const [server, entry] of Object.entries((kind === "config.json" ? asObject(whole.auths) : whole) ?? {})) {
    const auth = authOf(asObject(entry));
    const key = keyOf(server);
    if (typeof auth === "string") problems.push(`${server}: ${auth}`);
    else if (key === undefined) problems.push(`${server}: not a registry name`);
    else auths.set(key, [...(auths.get(key) ?? []), auth]);
  }
  return { auths, problems };
}

/** JSON.parse shows a piece of the text in its message, which may be a password. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new SyntaxError("not valid JSON");
  }
}

type JsonObject = { readonly [key: string]: unknown };
const asObject = (value: unknown): JsonObject | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
const asText = (value: unknown): string => (typeof value === "string" ? value : "");

function authOf(entry: JsonObject | undefined): DockerAuth | string {
  if (!entry) return "not an object";
  const token = asText(entry.identitytoken);
  const email = asText(entry.email);
  const identity = { ...(token === "" ? {} : { identityToken: token }), ...(email === "" ? {} : { email }) };
  const auth = asText(entry.auth).trim();
  if (auth === "") return { username: asText(entry.username), password: asText(entry.password), ...identity };
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(auth)) return "auth is not base64";
  const decoded = Buffer.from(auth, "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  if (colon < 0) return "auth must be base64 of username:password";
  return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1), ...identity };
}

/** Registry and path of an entry; `/v1/` and `/v2/` in front of a path mean the registry itself. */
function keyOf(server: string): string | undefined {
  const [, host, path = ""] = /^(?:https?:\/\/)?([^/]+)(\/.*)?$/.exec(server) ?? [];
  if (!host) return undefined;
  const effective = path.replace(/^\/v[12]\//, "/");
  return effective === "/" ? host : host + effective;
}

/** Credentials to try for an image, the most specific path of a registry first. None: an anonymous pull. */
export function credentialsFor<T>(
  { registry, repository }: ImageReference,
  auths: ReadonlyMap<string, readonly T[]>,
): readonly T[] {
  const keys = [...auths.keys()].sort().reverse();
  const found = keys.filter((key) => matches(key, registry, `/${repository}`)).flatMap((key) => auths.get(key) ?? []);
  if (found.length > 0) return found;
  return registry === "docker.io" ? (auths.get(DEFAULT_REGISTRY) ?? []) : [];
}

function matches(key: string, registry: string, path: string): boolean {
  const slash = key.indexOf("/");
  const own = splitHost(slash < 0 ? key : key.slice(0, slash));
  const wanted = splitHost(registry);
  if (own.port !== wanted.port || own.labels.length !== wanted.labels.length) return false;
  if (slash >= 0 && !path.startsWith(key.slice(slash))) return false;
  return own.labels.every((label, place) => glob(label).test(wanted.labels[place] ?? ""));
}

function splitHost(host: string): { readonly labels: readonly string[]; readonly port: string } {
  const [, name = host, port = ""] = /^(.*?)(?::(\d+))?$/.exec(host) ?? [];
  return { labels: name.split("."), port };
}

const glob = (label: string): RegExp =>
  new RegExp(
    `^${label
      .replace(/[.+^${}()|[\]\\]/g, "\\$&")
      .replace(/\*/g, ".*")
      .replace(/\?/g, ".")}$`,
  );
