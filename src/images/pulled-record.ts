import type { SecretOrigin } from "./pull-credentials.ts";

/** Who may have an image under one name. */
export interface RecordedCredentials {
  /** Every pod of the node. */
  readonly nodePodsAccessible?: boolean | undefined;
  readonly kubernetesSecrets?: readonly SecretOrigin[] | undefined;
  /** Kept as an earlier kubelet wrote it; nothing here pulls with a ServiceAccount's credentials. */
  readonly kubernetesServiceAccounts?: unknown;
  /** Fields of a later release, which stay as they are. */
  readonly rest?: Rest;
}

export type Rest = { readonly [field: string]: unknown };

/** `ImagePulledRecord` of kubelet.config.k8s.io/v1beta1. */
export interface PulledRecord {
  /** The runtime's id of the image. */
  readonly imageRef: string;
  /** Image name without tag and digest -> who may have it. */
  readonly credentialMapping: { readonly [repository: string]: RecordedCredentials };
  /** Fields of a later release, which stay as they are. */
  readonly rest?: Rest;
}

const API_VERSION = "kubelet.config.k8s.io/v1beta1";
/** Alike in all fields. Upstream wrote the first one up to 1.34. */
const READABLE = ["kubelet.config.k8s.io/v1alpha1", API_VERSION];

/** A file of a later release, in a form that is not known here. It is to be left as it is. */
export class UnknownVersion extends Error {
  override readonly name = "UnknownVersion";
  constructor(version: unknown) {
    super(
      `it has apiVersion ${JSON.stringify(version)}, and this kubelet knows ${READABLE.join(" and ")}; it is left as it is`,
    );
  }
}

export const intentText = (image: string): string =>
  JSON.stringify({ kind: "ImagePullIntent", apiVersion: API_VERSION, image });

export const recordText = ({ imageRef, credentialMapping, rest }: PulledRecord, now: Date): string =>
  JSON.stringify({
    ...rest,
    kind: "ImagePulledRecord",
    apiVersion: API_VERSION,
    lastUpdatedTime: now.toISOString().replace(/\.\d+Z$/, "Z"),
    imageRef,
    credentialMapping: Object.fromEntries(
      Object.entries(credentialMapping).map(([name, { rest: more, ...known }]) => [name, { ...more, ...known }]),
    ),
  });

/** The image that was being pulled. @throws Error for what is no such note */
export function decodeIntent(text: string): string {
  const { kind, apiVersion, image } = objectOf(text);
  if (kind === "ImagePullIntent") refuseUnknown(apiVersion);
  if (kind === "ImagePullIntent" && typeof image === "string") return image;
  throw new Error("it is no ImagePullIntent");
}

/** @throws Error for what is no record: who may have the image is not known then, which is not the same as that everybody may */
export function decodeRecord(text: string): PulledRecord {
  const { kind, apiVersion, lastUpdatedTime: _, imageRef, credentialMapping, ...rest } = objectOf(text);
  if (kind === "ImagePulledRecord") refuseUnknown(apiVersion);
  if (kind !== "ImagePulledRecord" || typeof imageRef !== "string") throw new Error("it is no ImagePulledRecord");
  const entries = Object.entries(asObject(credentialMapping)).map(([name, value]) => [name, credentialsOf(value)]);
  return { imageRef, credentialMapping: Object.fromEntries(entries), ...unlessEmpty(rest) };
}

function refuseUnknown(version: unknown): void {
  if (!READABLE.some((known) => known === version)) throw new UnknownVersion(version);
}

const unlessEmpty = (rest: Rest): { readonly rest?: Rest } => (Object.keys(rest).length > 0 ? { rest } : {});

function credentialsOf(value: unknown): RecordedCredentials {
  const { nodePodsAccessible, kubernetesSecrets, kubernetesServiceAccounts, ...rest } = asObject(value);
  const secrets = Array.isArray(kubernetesSecrets) ? kubernetesSecrets.map(secretOf) : [];
  return {
    ...(nodePodsAccessible === true ? { nodePodsAccessible } : {}),
    ...(secrets.length > 0 ? { kubernetesSecrets: secrets } : {}),
    ...(kubernetesServiceAccounts === undefined ? {} : { kubernetesServiceAccounts }),
    ...unlessEmpty(rest),
  };
}

function secretOf(value: unknown): SecretOrigin {
  const { uid, namespace, name, credentialHash } = asObject(value);
  return { uid: text(uid), namespace: text(namespace), name: text(name), credentialHash: text(credentialHash) };
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

const asObject = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};

function objectOf(json: string): Record<string, unknown> {
  try {
    return asObject(JSON.parse(json));
  } catch {
    return {};
  }
}
