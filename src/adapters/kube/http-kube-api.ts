import type { Millis } from "../../base/units.ts";
import type {
  Collection,
  DeleteOptions,
  KubeApi,
  KubeList,
  KubeObject,
  ListQuery,
  PatchKind,
  WatchEvent,
  WatchQuery,
  WriteOptions,
} from "../../ports/kube-api.ts";
import { jsonLines, NoJsonError, textOf } from "./body.ts";
import type { Exchange, Exchanges } from "./exchange.ts";
import { objectOf, pathOf, queryOf } from "./paths.ts";
import { refusalOf } from "./refusal.ts";
import type { ApiResponse } from "./session.ts";
import type { TokenBucket } from "./token-bucket.ts";

/** The server itself takes no object above 3 MiB; a list may be of thousands. */
const MAX_OBJECT = 32 * 1024 * 1024;
const MAX_LIST = 256 * 1024 * 1024;

const PATCH_TYPES: { readonly [kind in PatchKind]: string } = {
  strategic: "application/strategic-merge-patch+json",
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
};

/** A server that has not ended a watch so long after its time has forgotten it. */
const WATCH_GRACE_MS = 60_000;

export interface ApiLimits {
  /** undefined: none. Watches are never held up, as in client-go. */
  readonly bucket: TokenBucket | undefined;
  /** For all of one exchange that is no watch. */
  readonly timeout: Millis;
}

/** The verbs of the API as HTTP requests. */
export class HttpKubeApi implements KubeApi {
  readonly #exchanges: Exchanges;
  readonly #limits: ApiLimits;

  constructor(exchanges: Exchanges, limits: ApiLimits) {
    this.#exchanges = exchanges;
    this.#limits = limits;
  }

  get<T extends KubeObject>(at: Collection, name: string, signal: AbortSignal): Promise<T> {
    const action = `get ${objectOf(at, name)}`;
    return this.#object(() => ({ action, method: "GET", path: pathOf(at, name) }), signal);
  }

  async list<T extends KubeObject>(at: Collection, query: ListQuery, signal: AbortSignal): Promise<KubeList<T>> {
    const action = `list ${objectOf(at)}`;
    const path = () => `${pathOf(at)}${queryOf({ ...query })}`;
    const list = await this.#object<RawList<T>>(
      () => ({ action, method: "GET", path: path() }),
      signal,
      isList,
      MAX_LIST,
    );
    const { items } = list;
    return {
      // null is Go's empty list.
      items: Array.isArray(items) ? items : [],
      resourceVersion: list.metadata?.resourceVersion ?? "",
      continue: list.metadata?.continue || undefined,
    };
  }

  async *watch<T extends KubeObject>(
    at: Collection,
    { onOpen, ...query }: WatchQuery,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    const action = `watch ${objectOf(at)}`;
    const path = `${pathOf(at)}${queryOf({ ...query, watch: true, allowWatchBookmarks: true })}`;
    const limit = (query.timeoutSeconds * 1000 + WATCH_GRACE_MS) as Millis;
    await using open = this.#exchanges.open({ action, method: "GET", path, isWatch: true, limit }, signal);
    const response = await open.guard(() => open.response());
    onOpen?.();
    const frames = jsonLines(response.body, MAX_OBJECT);
    for (;;) {
      const { done, value } = await open.guard(() => frames.next());
      if (done) break;
      yield eventOf<T>(value, action);
    }
    await open.guard(async () => refuseCut(response));
  }

  create<T extends KubeObject>(
    at: Collection,
    object: KubeObject,
    signal: AbortSignal,
    named?: { readonly name: string; readonly subresource: string },
  ): Promise<T> {
    const name = named?.name ?? object.metadata?.name;
    const action = `create ${objectOf(at, name, named?.subresource)}`;
    const path = () => pathOf(at, named?.name, named?.subresource);
    return this.#object(() => ({ action, method: "POST", path: path(), body: object }), signal);
  }

  replace<T extends KubeObject>(
    at: Collection,
    name: string,
    object: KubeObject,
    signal: AbortSignal,
    { subresource }: WriteOptions = {},
  ): Promise<T> {
    const action = `update ${objectOf(at, name, subresource)}`;
    const path = () => pathOf(at, name, subresource);
    return this.#object(() => ({ action, method: "PUT", path: path(), body: object }), signal);
  }

  patch<T extends KubeObject>(
    at: Collection,
    name: string,
    kind: PatchKind,
    body: unknown,
    signal: AbortSignal,
    { subresource }: WriteOptions = {},
  ): Promise<T> {
    const action = `patch ${objectOf(at, name, subresource)}`;
    const path = () => pathOf(at, name, subresource);
    const contentType = PATCH_TYPES[kind];
    return this.#object(() => ({ action, method: "PATCH", path: path(), contentType, body }), signal);
  }

  async delete(at: Collection, name: string, { gracePeriodSeconds, uid }: DeleteOptions, signal: AbortSignal) {
    const action = `delete ${objectOf(at, name)}`;
    const preconditions = uid === undefined ? undefined : { uid };
    const body = { apiVersion: "v1", kind: "DeleteOptions", gracePeriodSeconds, preconditions };
    await this.#object(() => ({ action, method: "DELETE", path: pathOf(at, name), body }), signal);
  }

  async #object<T extends KubeObject>(
    describe: () => Exchange,
    signal: AbortSignal,
    isMeant = isObject,
    maxBytes = MAX_OBJECT,
  ): Promise<T> {
    signal.throwIfAborted();
    const exchange = describe();
    await this.#limits.bucket?.take(signal);
    const read = async (response: ApiResponse) => {
      const text = await textOf(response.body, maxBytes);
      refuseCut(response);
      return decoded<T>(text, isMeant);
    };
    return this.#exchanges.run({ ...exchange, limit: this.#limits.timeout }, read, signal);
  }
}

interface RawList<T> extends KubeObject {
  readonly items?: readonly T[] | null;
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
}

/** Somebody on the way (a health page, a portal) may say 200 and JSON, too: that must not count as a list without items. */
const isObject = ({ kind }: KubeObject): boolean => typeof kind === "string" && kind !== "";
const isList = ({ kind }: KubeObject): boolean => typeof kind === "string" && kind.endsWith("List");

function decoded<T extends KubeObject>(text: string, isMeant: (value: KubeObject) => boolean): T {
  const value = parsed(text);
  if (typeof value !== "object" || value === null) throw new NoJsonError("the answer is no JSON object");
  if (!isMeant(value)) throw new NoJsonError("the answer is not what was asked for: is that an API server?");
  return value as T;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new NoJsonError("the answer is no JSON: is that an API server?", { cause: error });
  }
}

function refuseCut(response: ApiResponse): void {
  if (!response.isWhole()) throw Object.assign(new Error("cut"), { code: "ECONNRESET" });
}

function eventOf<T extends KubeObject>(value: unknown, action: string): WatchEvent<T> {
  const { type, object } = (value ?? {}) as { readonly type?: unknown; readonly object?: T };
  if (typeof object !== "object" || object === null)
    throw refusalOf({ action, status: 500, body: "an event without an object" });
  switch (type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
      return { type, object };
    case "BOOKMARK":
      return { type, resourceVersion: object.metadata?.resourceVersion ?? "" };
    default:
      throw refusalOf({ action, status: 0, body: object });
  }
}
