import { KubeletError, messageOf } from "../base/fault.ts";
import type {
  ConfigMapProjection,
  Pod,
  ProjectedVolumeSource,
  SecretProjection,
  ServiceAccountTokenProjection,
  VolumeProjection,
} from "../model/kubernetes.ts";
import { configMapValues, type ObjectValues, secretValues } from "../model/object-values.ts";
import { allContainersOf, nameOf, namespaceOf, specOf, uidOf } from "../model/pod.ts";
import type { ReferencedObject, ReferenceKind } from "../model/referenced.ts";
import type { PodTokens, ReferencedObjects } from "../ports/referenced.ts";
import { type DownwardFacts, downwardFiles, keyFiles, type Payload, together } from "./payload.ts";

export interface CollectDeps {
  readonly objects: ReferencedObjects;
  readonly tokens: PodTokens;
  readonly downward: () => DownwardFacts;
}

/** The volume that is to be filled. */
export interface CollectPlace {
  /** A file of it as the pod has it now; undefined where there is none. */
  readonly published: (path: string) => Promise<Uint8Array | undefined>;
}

/** What the API gives where the pod says nothing. */
const DEFAULT_MODE = 0o644;
const DEFAULT_EXPIRATION_SECONDS = 3600;
/** A token that is given to one user or group. */
const OWNER_ONLY = 0o600;

export const modeOf = ({ defaultMode }: { readonly defaultMode?: number | undefined }): number =>
  defaultMode ?? DEFAULT_MODE;

/** @throws Error or KubeletError `waiting` with upstream's words for what is not there */
export async function configMapFiles(
  pod: Pod,
  source: ConfigMapProjection,
  mode: number,
  deps: CollectDeps,
  signal: AbortSignal,
): Promise<Payload> {
  const object = await objectOf("ConfigMap", pod, source, deps, signal);
  const missing = (key: string) => `configmap references non-existent config key: ${key}`;
  return keyFiles(
    valuesOf("ConfigMap", source.name, () => configMapValues(object)),
    source,
    mode,
    missing,
  );
}

/** As configMapFiles. */
export async function secretFiles(
  pod: Pod,
  source: SecretProjection,
  mode: number,
  deps: CollectDeps,
  signal: AbortSignal,
): Promise<Payload> {
  const object = await objectOf("Secret", pod, source, deps, signal);
  const missing = (key: string) => `references non-existent secret key: ${key}`;
  return keyFiles(
    valuesOf("Secret", source.name, () => secretValues(object)),
    source,
    mode,
    missing,
  );
}

/** An optional one that is not there counts as empty. */
async function objectOf<K extends ReferenceKind>(
  kind: K,
  pod: Pod,
  { name = "", optional = false }: ConfigMapProjection,
  { objects }: CollectDeps,
  signal: AbortSignal,
): Promise<ReferencedObject[K] | Record<string, never>> {
  const found = await objects.find(kind, namespaceOf(pod), name, signal);
  if (found || optional) return found ?? {};
  throw new KubeletError(objects.whyMissing(kind, namespaceOf(pod), name), {
    code: "waiting",
    reason: "ContainerCreating",
  });
}

function valuesOf(kind: ReferenceKind, name: string | undefined, read: () => ObjectValues) {
  try {
    return read();
  } catch (error) {
    throw new Error(`cannot use ${kind} ${name ?? ""}: ${messageOf(error)}`);
  }
}

/** All sources of a projected volume, later ones over earlier ones. Everything that is wrong is told together. */
export async function projectedFiles(
  pod: Pod,
  source: ProjectedVolumeSource,
  deps: CollectDeps & CollectPlace,
  signal: AbortSignal,
): Promise<Payload> {
  const parts = await Promise.allSettled(
    (source.sources ?? []).map((part) => projectionFiles(pod, part, modeOf(source), deps, signal)),
  );
  signal.throwIfAborted();
  const problems = parts.flatMap((part) => (part.status === "rejected" ? [part.reason as unknown] : []));
  if (problems.length === 1) throw problems[0];
  if (problems.length > 1) throw new Error(together(problems.map(messageOf)));
  return new Map(parts.flatMap((part) => (part.status === "fulfilled" ? [...part.value] : [])));
}

async function projectionFiles(
  pod: Pod,
  part: VolumeProjection,
  mode: number,
  deps: CollectDeps & CollectPlace,
  signal: AbortSignal,
): Promise<Payload> {
  const { configMap, secret, downwardAPI, serviceAccountToken } = part;
  if (secret) return secretFiles(pod, secret, mode, deps, signal);
  if (configMap) return configMapFiles(pod, configMap, mode, deps, signal);
  if (downwardAPI) return downwardFiles(downwardAPI.items ?? [], pod, deps.downward(), mode);
  if (serviceAccountToken) return tokenFile(pod, serviceAccountToken, mode, deps, signal);
  return new Map();
}

async function tokenFile(
  pod: Pod,
  { path, audience, expirationSeconds }: ServiceAccountTokenProjection,
  defaultMode: number,
  { tokens, published }: CollectDeps & CollectPlace,
  signal: AbortSignal,
): Promise<Payload> {
  const { serviceAccountName = "", securityContext } = specOf(pod);
  const user = onlyUserOf(pod);
  const wish = {
    serviceAccount: serviceAccountName,
    audience: audience || undefined,
    expirationSeconds: expirationSeconds ?? DEFAULT_EXPIRATION_SECONDS,
  };
  const owner = { namespace: namespaceOf(pod), name: nameOf(pod), uid: uidOf(pod) };
  const found = async () => {
    const content = await published(path).catch(() => undefined);
    return content && new TextDecoder().decode(content);
  };
  const token = await tokens.token(owner, wish, signal, found);
  const isNarrow = user !== undefined || securityContext?.fsGroup !== undefined;
  return new Map([
    [path, { content: new TextEncoder().encode(token), mode: isNarrow ? OWNER_ONLY : defaultMode, user }],
  ]);
}

/** The user that all containers say they run as; undefined where one doesn't say, or two differ. */
export function onlyUserOf(pod: Pod): number | undefined {
  const inherited = pod.spec?.securityContext?.runAsUser;
  const users = allContainersOf(pod).map(({ securityContext }) => securityContext?.runAsUser ?? inherited);
  return new Set(users).size === 1 ? users[0] : undefined;
}
