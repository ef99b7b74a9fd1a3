import type { Collection, KubeList, KubeObject, ListQuery, WatchQuery } from "../ports/kube-api.ts";
import { refused, unreached } from "./kube-api-faults.ts";
import type { Stored } from "./kube-api-kinds.ts";
import { selectorOf } from "./kube-api-selectors.ts";
import { type Change, Feed } from "./kube-api-watch.ts";

/** Versions that a watch may begin at, as long as nothing was compacted. */
const HISTORY = 10_000;

/** Objects by version, as etcd and the API server's cache keep them: lists of a moment, watches from a moment, compaction. Objects are frozen. */
export class SimApiStore {
  readonly #collections = new Map<string, Map<string, Stored>>();
  readonly #feeds = new Set<Feed>();
  #history: Change[] = [];
  #compacted = 0;
  #version = 100;
  /** How many versions behind a list with resourceVersion "0" is: the real server's cache may be old. */
  cacheLag = 0;
  onChange: ((change: Change) => void) | undefined;

  get resourceVersion(): string {
    return `${this.#version}`;
  }

  get watches(): number {
    return this.#feeds.size;
  }

  find<T extends KubeObject>(at: Collection, name: string): T | undefined {
    return this.#of(at).get(keyOf(at, name)) as T | undefined;
  }

  list<T extends KubeObject>(at: Collection, query: ListQuery = {}): KubeList<T> {
    const selects = selectorOf(at.resource, query);
    if (Number(query.resourceVersion ?? 0) > this.#version) {
      throw refused(504, "Timeout", `Too large resource version: ${query.resourceVersion}, current: ${this.#version}`);
    }
    const lag = query.resourceVersion === "0" ? this.cacheLag : 0;
    const version = Math.max(this.#compacted, this.#version - lag, 1);
    const all = [...this.#at(at, version)]
      .filter(([key, object]) => isIn(at, object) && selects(object) && key > (query.continue ?? ""))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const page = query.limit ? all.slice(0, query.limit) : all;
    return {
      items: page.map(([, object]) => object as KubeObject as T),
      resourceVersion: `${version}`,
      continue: page.length < all.length ? page.at(-1)?.[0] : undefined,
    };
  }

  /** @throws KubeletError "api-refused" 410 when the changes since then are not kept any more */
  watch(at: Collection, query: WatchQuery): Feed {
    const selects = selectorOf(at.resource, query);
    const feed = new Feed(collectionOf(at), (object) => isIn(at, object) && selects(object));
    const since = Number(query.resourceVersion || 0);
    if (since === 0) {
      for (const object of this.list(at).items) if (feed.selects(object)) feed.push({ type: "ADDED", object });
    } else if (since < this.#compacted) {
      throw refused(410, "Expired", `too old resource version: ${since} (${this.#compacted})`);
    } else for (const change of this.#history) if (change.version > since) feed.tell(change);
    this.#feeds.add(feed);
    return feed;
  }

  /** What a watcher does when it goes away. */
  leave(feed: Feed): void {
    this.#feeds.delete(feed);
  }

  bookmark(feed: Feed): void {
    feed.push({ type: "BOOKMARK", resourceVersion: this.resourceVersion });
  }

  /** Every open watch breaks, as when the server restarts; with `clean` it ends as at its time-out. */
  cutWatches(clean = false): void {
    for (const feed of this.#feeds) feed.end(clean ? undefined : unreached("the connection was cut"));
    this.#feeds.clear();
  }

  /** Forgets all changes up to now: a watch from before is refused with 410, and so is one that is open and lags. */
  compact(): void {
    this.#history = [];
    this.#compacted = this.#version;
  }

  /** Keeps the object under the next version; it must be nobody else's, and is frozen. */
  protected store(at: Collection, object: Stored): Stored {
    const version = ++this.#version;
    const metadata = { ...object.metadata, resourceVersion: `${version}` };
    const stored = frozen({ ...object, metadata });
    const key = keyOf(at, metadata.name);
    const before = this.#of(at).get(key);
    this.#of(at).set(key, stored);
    this.#record({ version, collection: collectionOf(at), key, before, object: stored, last: stored });
    return stored;
  }

  protected end(at: Collection, before: Stored): void {
    const version = ++this.#version;
    const key = keyOf(at, before.metadata.name);
    this.#of(at).delete(key);
    const last = frozen({ ...before, metadata: { ...before.metadata, resourceVersion: `${version}` } });
    this.#record({ version, collection: collectionOf(at), key, before, object: undefined, last });
  }

  #record(change: Change): void {
    this.#history.push(change);
    if (this.#history.length > HISTORY) {
      const gone = this.#history.splice(0, HISTORY / 2);
      this.#compacted = gone.at(-1)?.version ?? this.#compacted;
    }
    for (const feed of this.#feeds) feed.tell(change);
    this.onChange?.(change);
  }

  #of(at: Collection): Map<string, Stored> {
    const name = collectionOf(at);
    const known = this.#collections.get(name) ?? new Map<string, Stored>();
    this.#collections.set(name, known);
    return known;
  }

  /** The objects as they were at a version that history still reaches. */
  #at(at: Collection, version: number): ReadonlyMap<string, Stored> {
    if (version >= this.#version) return this.#of(at);
    const then = new Map(this.#of(at));
    for (const { version: changed, collection, key, before } of this.#history.toReversed()) {
      if (changed <= version) break;
      if (collection !== collectionOf(at)) continue;
      if (before) then.set(key, before);
      else then.delete(key);
    }
    return then;
  }
}

const collectionOf = ({ group, resource }: Collection): string => `${group}/${resource}`;
const keyOf = ({ namespace }: Collection, name: string): string =>
  namespace === undefined ? name : `${namespace}/${name}`;
const isIn = ({ namespace }: Collection, { metadata }: KubeObject): boolean =>
  namespace === undefined || metadata?.namespace === namespace;

/** Whoever changes what is kept has a bug. */
export function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) frozen(part);
  return Object.freeze(value);
}
