import { isDeepStrictEqual } from "node:util";
import type { ObjectMeta } from "../model/kubernetes.ts";
import type { Clock } from "../ports/clock.ts";
import type { Collection, DeleteOptions, KubeObject, PatchKind } from "../ports/kube-api.ts";
import { refused } from "./kube-api-faults.ts";
import { type Reply, repliesOf, rulesOf, type Stored, timestamp } from "./kube-api-kinds.ts";
import { dropUndefined, dyingMetadata, keptMetadata, pick, refuseConflict } from "./kube-api-metadata.ts";
import { patched } from "./kube-api-patch.ts";
import { frozen, SimApiStore } from "./kube-api-store.ts";

/** An object as it is to be. */
interface Write {
  readonly given: KubeObject;
  readonly isPatch: boolean;
}

/**
 * How an API server treats writes to what it keeps, in memory; calls are instant and cannot be lost (see SimKubeApi). It outlives every kubelet of a
 * simulation. Its own methods may be called by a test as "somebody else in the cluster".
 */
export class SimApiServer extends SimApiStore {
  readonly #clock: Pick<Clock, "wall">;
  readonly replies: Map<string, Reply>;
  #uids = 0;
  #names = 0;

  constructor(clock: Pick<Clock, "wall">) {
    super();
    this.#clock = clock;
    this.replies = repliesOf(() => clock.wall().getTime());
  }

  get<T extends KubeObject>(at: Collection, name: string): T {
    const object = this.find<T>(at, name);
    if (object === undefined) throw notFound(at, name);
    return object;
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
    return this.store(at, rulesOf(at.resource).atCreate?.(made) ?? made) as KubeObject as T;
  }

  /** Makes or overwrites an object as a whole, by no rules: what some other component did. */
  put<T extends KubeObject>(at: Collection, object: KubeObject): T {
    const given = wired(object);
    const name = given.metadata?.name ?? this.#generated(given.metadata?.generateName);
    const old = this.find<Stored>(at, name);
    const metadata = { ...this.#born(at, given.metadata, name), ...(old ? { uid: old.metadata.uid } : {}) };
    const uid = given.metadata?.uid;
    return this.store(at, {
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
      this.end(at, old);
      return;
    }
    const now = this.#clock.wall().getTime();
    const { gracePeriodSeconds: asked } = options;
    const metadata = dyingMetadata(old.metadata, now, { grace: graceOf?.(old, asked) ?? 0, asked });
    this.#removeDead(at, metadata === old.metadata ? old : this.store(at, { ...old, metadata }));
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
    const stored = this.store(at, { ...next, metadata: { ...next.metadata, ...generation } });
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
    this.store(at, { ...pod, spec: { ...pod.spec, nodeName: target } });
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

  /** Ends what is to be deleted and has nothing left to wait for. */
  #removeDead(at: Collection, object: Stored): void {
    const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata;
    if (deletionTimestamp === undefined || deletionGracePeriodSeconds > 0 || finalizers.length > 0) return;
    this.end(at, object);
  }
}

const notFound = (at: Collection, name: string) => refused(404, "NotFound", `${at.resource} "${name}" not found`);

/** As it looks after a way over the wire. */
const wired = (object: KubeObject): KubeObject => JSON.parse(JSON.stringify(object)) as KubeObject;
