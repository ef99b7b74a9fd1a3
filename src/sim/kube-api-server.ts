import { isDeepStrictEqual } from "node:util";
import type { ObjectMeta } from "../model/kubernetes.ts";
import type { Clock } from "../ports/clock.ts";
import type {
  Collection,
  DeleteOptions,
  KubeList,
  KubeObject,
  ListQuery,
  PatchKind,
  WatchQuery,
} from "../ports/kube-api.ts";
import { refused, unreached } from "./kube-api-faults.ts";
import { type Reply, repliesOf, rulesOf, type Stored, timestamp } from "./kube-api-kinds.ts";
import { dropUndefined, dyingMetadata, keptMetadata, pick, refuseConflict } from "./kube-api-metadata.ts";
import { patched } from "./kube-api-patch.ts";
import { selectorOf } from "./kube-api-selectors.ts";
import { Feed } from "./kube-api-watch.ts";

/** One change of one object; `object` or `before` is missing where it began or ended. */
export interface Change {
  readonly version: number;
  readonly collection: string;
  readonly key: string;
  readonly before: Stored | undefined;
  readonly object: Stored | undefined;
  /** The object with the version of its end. */
  readonly last: Stored;
}

/** An object as it is to be. */
interface Write {
  readonly given: KubeObject;
  readonly isPatch: boolean;
}

/** Versions that a watch may begin at, as long as nothing was compacted. */
const HISTORY = 10_000;

/**
 * What an API server keeps and how it treats writes, in memory; calls are instant and cannot be lost (see SimKubeApi). It outlives every kubelet of a
 * simulation. Its own methods may be called by a test as "somebody else in the cluster".
 * Objects are frozen: whoever changes one has a bug.
 */
export class SimApiServer {
  readonly #clock: Pick<Clock, "wall">;
  readonly #collections = new Map<string, Map<string, Stored>>();
  readonly #feeds = new Set<Feed>();
  readonly replies: Map<string, Reply>;
  #history: Change[] = [];
  #compacted = 0;
  #version = 100;
  #uids = 0;
  #names = 0;
  /** How many versions behind a list with resourceVersion "0" is: the real server's cache may be old. */
  cacheLag = 0;
  onChange: ((change: Change) => void) | undefined;

  constructor(clock: Pick<Clock, "wall">) {
    this.#clock = clock;
    this.replies = repliesOf(() => clock.wall().getTime());
  }

  get resourceVersion(): string {
    return `${this.#version}`;
  }

  get watches(): number {
    return this.#feeds.size;
  }

  find<T extends KubeObject>(at: Collection, name: string): T | undefined {
    return this.#of(at).get(keyOf(at, name)) as T | undefined;
  }

  get<T extends KubeObject>(at: Collection, name: string): T {
    const object = this.find<T>(at, name);
    if (object === undefined) throw notFound(at, name);
    return object;
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

  create<T extends KubeObject>(at: Collection, object: KubeObject, named?: { name: string; subresource: string }): T {
    const given = wired(object);
    const reply = this.replies.get(named ? `${at.resource}/${named.subresource}` : at.resource);
    if (reply) {
      if (named) this.get(at, named.name);
      return frozen(reply(given, named?.name ?? "")) as T;
    }
    if (named) return this.#bind(at, given, named) as KubeObject as T;
    const name = given.metadata?.name ?? this.#generated(given.metadata?.generateName);
    if (this.find(at, name)) throw refused(409, "AlreadyExists", `${at.resource} "${name}" already exists`);
    if (at.namespace !== undefined && (given.metadata?.namespace ?? at.namespace) !== at.namespace) {
      throw refused(400, "BadRequest", "the namespace of the object does not match the namespace of the request");
    }
    const made: Stored = { ...given, metadata: this.#born(at, given.metadata, name) };
    return this.#store(at, rulesOf(at.resource).atCreate?.(made) ?? made) as KubeObject as T;
  }

  /** Makes or overwrites an object as a whole, by no rules: what some other component did. */
  put<T extends KubeObject>(at: Collection, object: KubeObject): T {
    const given = wired(object);
    const name = given.metadata?.name ?? this.#generated(given.metadata?.generateName);
    const old = this.find<Stored>(at, name);
    const metadata = { ...this.#born(at, given.metadata, name), ...(old ? { uid: old.metadata.uid } : {}) };
    const uid = given.metadata?.uid;
    return this.#store(at, {
      ...given,
      metadata: { ...metadata, ...(uid === undefined ? {} : { uid }) },
    }) as KubeObject as T;
  }

  replace<T extends KubeObject>(at: Collection, name: string, object: KubeObject, subresource = ""): T {
    return this.#update(at, name, { given: wired(object), isPatch: false }, subresource) as KubeObject as T;
  }

  patch<T extends KubeObject>(at: Collection, name: string, kind: PatchKind, body: unknown, subresource = ""): T {
    const old = this.get<Stored>(at, name);
    const result = patched(old, kind, JSON.parse(JSON.stringify(body))) as KubeObject;
    return this.#update(at, name, { given: wired(result), isPatch: true }, subresource) as KubeObject as T;
  }

  delete(at: Collection, name: string, options: DeleteOptions = {}): void {
    const old = this.get<Stored>(at, name);
    if (options.uid !== undefined && options.uid !== old.metadata.uid) {
      const which = `the UID in the precondition (${options.uid}) does not match the UID in record (${old.metadata.uid})`;
      throw refused(409, "Conflict", `Operation cannot be fulfilled on ${at.resource} "${name}": ${which}`);
    }
    const { graceOf } = rulesOf(at.resource);
    if (!graceOf && !old.metadata.finalizers?.length) {
      this.#end(at, old);
      return;
    }
    const now = this.#clock.wall().getTime();
    const { gracePeriodSeconds: asked } = options;
    const metadata = dyingMetadata(old.metadata, now, { grace: graceOf?.(old, asked) ?? 0, asked });
    this.#removeDead(at, metadata === old.metadata ? old : this.#store(at, { ...old, metadata }));
  }

  #update(at: Collection, name: string, write: Write, subresource: string): Stored {
    const { given, isPatch } = write;
    const old = this.get<Stored>(at, name);
    const rules = rulesOf(at.resource);
    if (subresource !== "" && !(subresource === "status" && rules.hasStatus)) {
      throw refused(404, "NotFound", "the server could not find the requested resource");
    }
    refuseConflict(at.resource, old, { given: given.metadata ?? {}, isPatch });
    const { spec, status, ...rest } = given as Stored;
    const isStatus = subresource === "status";
    const next = dropUndefined({
      ...(isStatus ? { ...old, ...pick(rest, "metadata") } : rest),
      spec: isStatus ? old.spec : spec,
      status: isStatus || !rules.hasStatus ? status : old.status,
      metadata: keptMetadata(old, given.metadata ?? {}, isStatus),
    }) as Stored;
    if (isDeepStrictEqual(next, old)) return old;
    const grown = rules.hasGeneration && !isDeepStrictEqual(next.spec, old.spec) ? 1 : 0;
    const generation = old.metadata.generation === undefined ? {} : { generation: old.metadata.generation + grown };
    const stored = this.#store(at, { ...next, metadata: { ...next.metadata, ...generation } });
    this.#removeDead(at, stored);
    return stored;
  }

  /** `pods/binding`: what the scheduler does. */
  #bind(at: Collection, binding: KubeObject, { name, subresource }: { name: string; subresource: string }): KubeObject {
    const pod = this.get<Stored>(at, name);
    const target = (binding as { readonly target?: { readonly name?: string } }).target?.name;
    if (at.resource !== "pods" || subresource !== "binding" || target === undefined) {
      throw refused(404, "NotFound", "the server could not find the requested resource");
    }
    if (pod.spec?.nodeName) throw refused(409, "Conflict", `pod ${name} is already assigned to a node`);
    this.#store(at, { ...pod, spec: { ...pod.spec, nodeName: target } });
    return { kind: "Status", apiVersion: "v1" };
  }

  #born(at: Collection, metadata: ObjectMeta | undefined, name: string): Stored["metadata"] {
    return {
      ...metadata,
      name,
      ...(at.namespace === undefined ? {} : { namespace: at.namespace }),
      uid: `00000000-0000-4000-8000-${`${++this.#uids}`.padStart(12, "0")}`,
      creationTimestamp: timestamp(this.#clock.wall()),
      resourceVersion: "",
    };
  }

  #generated(prefix: string | undefined): string {
    if (!prefix) throw refused(422, "Invalid", "name or generateName is required");
    return `${prefix}${(++this.#names).toString(36).padStart(5, "0")}`;
  }

  #store(at: Collection, object: Stored): Stored {
    const version = ++this.#version;
    const metadata = { ...object.metadata, resourceVersion: `${version}` };
    const stored = frozen(wired({ ...object, metadata })) as Stored;
    const key = keyOf(at, metadata.name);
    const before = this.#of(at).get(key);
    this.#of(at).set(key, stored);
    this.#record({ version, collection: collectionOf(at), key, before, object: stored, last: stored });
    return stored;
  }

  /** Ends what is to be deleted and has nothing left to wait for. */
  #removeDead(at: Collection, object: Stored): void {
    const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata;
    if (deletionTimestamp === undefined || deletionGracePeriodSeconds > 0 || finalizers.length > 0) return;
    this.#end(at, object);
  }

  #end(at: Collection, before: Stored): void {
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
const notFound = (at: Collection, name: string) => refused(404, "NotFound", `${at.resource} "${name}" not found`);

/** As it looks after a way over the wire. */
const wired = (object: KubeObject): KubeObject => JSON.parse(JSON.stringify(object)) as KubeObject;

function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) frozen(part);
  return Object.freeze(value);
}
