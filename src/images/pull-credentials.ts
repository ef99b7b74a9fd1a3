import { createHash } from "node:crypto";
import { messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { goJson } from "../model/go-json.ts";
import type { Pod, Secret } from "../model/kubernetes.ts";
import { secretValues } from "../model/object-values.ts";
import { namespaceOf, specOf } from "../model/pod.ts";
import type { RegistryAuth } from "../model/runtime.ts";
import type { ReferencedObjects } from "../ports/referenced.ts";
import { type Auths, credentialsFor, type DockerAuth, parseDockerConfig } from "./credentials.ts";
import { parseImage } from "./reference.ts";

/** A Secret that a credential came from, and which credential of it. */
export interface SecretOrigin {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** Upstream's: SHA-256 over the credential, hex. */
  readonly credentialHash: string;
}

export interface PullCredential {
  readonly auth: RegistryAuth;
  /** undefined: the node's own, which every pod may use. */
  readonly secret?: SecretOrigin | undefined;
}

export interface PullCredentials {
  /** In the order in which they are tried; none: an anonymous pull. */
  readonly found: readonly PullCredential[];
  /** Names of the pod's imagePullSecrets that are not there, or hold nothing usable. */
  readonly missing: readonly string[];
}

export type ReadCredentials = (image: string, pod: Pod, signal: AbortSignal) => Promise<PullCredentials>;

/** Credentials of the pod's imagePullSecrets first, then the node's. */
export function podCredentials(
  ofNode: (image: string) => Promise<readonly RegistryAuth[]>,
  objects: ReferencedObjects,
  log: Log,
): ReadCredentials {
  return async (image, pod, signal) => {
    const names = (specOf(pod).imagePullSecrets ?? []).flatMap(({ name }) => name || []);
    const missing: string[] = [];
    const auths = new Map<string, readonly PullCredential[]>();
    const secrets = await Promise.all(names.map((name) => findSecret(pod, name, objects, log, signal)));
    for (const [index, secret] of secrets.entries()) {
      const parsed = secret && parsedSecret(secret, log);
      if (!parsed) missing.push(names[index] ?? "");
      for (const [key, some] of parsed ?? []) auths.set(key, [...(auths.get(key) ?? []), ...some]);
    }
    const reference = parseImage(image);
    const own = typeof reference === "string" ? [] : credentialsFor(reference, auths);
    return { found: [...own, ...(await ofNode(image)).map((auth) => ({ auth }))], missing };
  };
}

async function findSecret(
  pod: Pod,
  name: string,
  objects: ReferencedObjects,
  log: Log,
  signal: AbortSignal,
): Promise<Secret | undefined> {
  try {
    return await objects.find("Secret", namespaceOf(pod), name, signal);
  } catch (error) {
    signal.throwIfAborted();
    log.warn("Cannot read an image pull secret", { secret: `${namespaceOf(pod)}/${name}`, err: messageOf(error) });
    return undefined;
  }
}

const FORMS = {
  "kubernetes.io/dockerconfigjson": { key: ".dockerconfigjson", kind: "config.json" },
  "kubernetes.io/dockercfg": { key: ".dockercfg", kind: ".dockercfg" },
} as const;

/** undefined where nothing in it can be used. */
function parsedSecret(secret: Secret, log: Log): ReadonlyMap<string, readonly PullCredential[]> | undefined {
  const { namespace = "", name = "", uid = "" } = secret.metadata ?? {};
  const form = FORMS[secret.type as keyof typeof FORMS];
  try {
    const content = form && secretValues(secret).get(form.key);
    if (!content) throw new Error(`need type ${Object.keys(FORMS).join(" or ")} with its key, is ${secret.type ?? ""}`);
    const { auths, problems } = parseDockerConfig(new TextDecoder().decode(content), form.kind);
    if (problems.length > 0) {
      log.warn("Left out entries of an image pull secret", { secret: `${namespace}/${name}`, problems });
    }
    return tracked(auths, { namespace, name, uid });
  } catch (error) {
    log.warn("Cannot use an image pull secret", { secret: `${namespace}/${name}`, err: messageOf(error) });
    return undefined;
  }
}

const tracked = (auths: Auths, origin: Omit<SecretOrigin, "credentialHash">) =>
  new Map(
    [...auths].map(([key, some]) => [
      key,
      some.map(({ email, ...auth }) => ({ auth, secret: { ...origin, credentialHash: hashOf({ ...auth, email }) } })),
    ]),
  );

/** As upstream's Go writes and hashes it, so that its records of pulled images stay good. */
function hashOf({ username, password, email }: DockerAuth): string {
  const fields = Object.entries({ username, password, email }).flatMap(([field, value]) =>
    value ? [`"${field}":${goJson(value)}`] : [],
  );
  return createHash("sha256")
    .update(`{${fields.join(",")}}`)
    .digest("hex");
}
