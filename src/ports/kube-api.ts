import type { ObjectMeta } from "../model/kubernetes.ts";

/** Anything that has metadata. */
export interface KubeObject {
  readonly apiVersion?: string | undefined;
  readonly kind?: string | undefined;
  readonly metadata?: ObjectMeta | undefined;
}

/** A collection: `/api/v1/…` where `group` is "", else `/apis/<group>/<version>/…`. */
export interface Collection {
  readonly group: string;
  readonly version: string;
  /** Plural, lower case: `pods`. */
  readonly resource: string;
  /** undefined: not namespaced, or all namespaces. */
  readonly namespace?: string | undefined;
}

export interface ListQuery {
  readonly fieldSelector?: string | undefined;
  readonly labelSelector?: string | undefined;
  /** "0": whatever the server's cache has; undefined: the newest. */
  readonly resourceVersion?: string | undefined;
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
}

export interface KubeList<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  readonly continue: string | undefined;
}

export interface WatchQuery {
  readonly fieldSelector?: string | undefined;
  readonly labelSelector?: string | undefined;
  /** Changes after this one. */
  readonly resourceVersion: string;
  /** The server ends the watch after this many seconds. */
  readonly timeoutSeconds: number;
  /** Called once the server has taken the watch: in a quiet cluster nothing else tells for a minute. */
  readonly onOpen?: (() => void) | undefined;
}

export type WatchEvent<T> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string };

export interface WriteOptions {
  /** `status`, `token`, … of the named object. */
  readonly subresource?: string | undefined;
}

/** How a patch is to be read. */
export type PatchKind = "strategic" | "merge" | "json";

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number | undefined;
  /** Only if the object still has this UID; else `api-refused` with status 409. */
  readonly uid?: string | undefined;
}

/**
 * The API server, as the node's identity. Objects come back as the server sends them: whoever acts on one decodes what it needs of it.
 * Every call throws KubeletError `api-unavailable` or `api-refused`, or `signal.reason` when aborted. Nothing is tried again in here:
 * whether that makes sense is the caller's to know (see `src/kube/retry.ts`). Calls wait for their turn under kubeAPIQPS and kubeAPIBurst.
 */
export interface KubeApi {
  get<T extends KubeObject>(at: Collection, name: string, signal: AbortSignal): Promise<T>;
  list<T extends KubeObject>(at: Collection, query: ListQuery, signal: AbortSignal): Promise<KubeList<T>>;
  /**
   * Changes as they come; bookmarks are always asked for. Ends when the server ends it. Throws `api-refused` for an ERROR event too (410
   * `Expired`: list again), `api-unavailable` when the connection breaks or stays silent (a dead peer is noticed).
   */
  watch<T extends KubeObject>(at: Collection, query: WatchQuery, signal: AbortSignal): AsyncIterable<WatchEvent<T>>;
  /** POST to the collection, or with `named` to that object's subresource. The body is the object with apiVersion and kind. */
  create<T extends KubeObject>(
    at: Collection,
    object: KubeObject,
    signal: AbortSignal,
    named?: { readonly name: string; readonly subresource: string },
  ): Promise<T>;
  replace<T extends KubeObject>(
    at: Collection,
    name: string,
    object: KubeObject,
    signal: AbortSignal,
    options?: WriteOptions,
  ): Promise<T>;
  patch<T extends KubeObject>(
    at: Collection,
    name: string,
    kind: PatchKind,
    body: unknown,
    signal: AbortSignal,
    options?: WriteOptions,
  ): Promise<T>;
  delete(at: Collection, name: string, options: DeleteOptions, signal: AbortSignal): Promise<void>;
}

/** What proves who we are, as of now. At most one of certificate and token is needed; both may be there. */
export interface ApiCredentials {
  /** PEM: leaf, then intermediates. */
  readonly cert?: string | undefined;
  /** PEM. Never log. */
  readonly key?: string | undefined;
  /** Bearer token. Never log. */
  readonly token?: string | undefined;
  /** Basic authentication. Never log. */
  readonly basic?: { readonly username: string; readonly password: string } | undefined;
}

/** Where the credentials come from: files, a rotation, an exec plugin. */
export interface CredentialSource {
  /** Fresh ones; cheap when nothing changed. The same object as before means: nothing changed. @throws KubeletError `api-unavailable` with the reason in words */
  current(signal: AbortSignal): Promise<ApiCredentials>;
  /** The server answered 401 to these: an exec plugin or a token file is asked anew at the next `current`. */
  refused(credentials: ApiCredentials): void;
}

/** Where the API server is and how it is known to be the right one: a cluster entry of a kubeconfig, files read. */
export interface ApiEndpoint {
  /** `https://10.0.0.1:6443`, maybe with a path prefix. */
  readonly server: string;
  /** PEM bundle; undefined: the system's. */
  readonly ca?: string | undefined;
  /** Name to verify the server's certificate by, where it is not the host of `server`. */
  readonly tlsServerName?: string | undefined;
  readonly insecureSkipTlsVerify?: boolean | undefined;
  readonly proxyUrl?: string | undefined;
}
