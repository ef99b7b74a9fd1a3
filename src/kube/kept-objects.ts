import { isDeepStrictEqual } from "node:util";
import { KubeletError } from "../base/fault.ts";
import { millis } from "../base/units.ts";
import type { Pod } from "../model/kubernetes.ts";
import { namespaceOf, uidOf } from "../model/pod.ts";
import { type Reference, type ReferencedObject, type ReferenceKind, referencesOf } from "../model/referenced.ts";
import type { ReferencedObjects } from "../ports/referenced.ts";
import { Kept } from "./kept.ts";
import type { ReflectorDeps } from "./reflector.ts";

export interface KeptObjectsOptions {
  /** Something that this pod refers to is other than before, or can be told for the first time after somebody had asked in vain. */
  readonly onChange: (uid: string) => void;
  /** A broken invariant: the process should end. */
  readonly onBug: (error: unknown) => void;
}

/** Upstream's patience with an object that was never read yet. */
const FIRST_ANSWER = millis(1_000);

const RESOURCES: { readonly [K in ReferenceKind]: string } = { ConfigMap: "configmaps", Secret: "secrets" };

interface Watched {
  readonly kind: ReferenceKind;
  readonly kept: Kept<ReferencedObject[ReferenceKind]>;
  /** UIDs of the pods that name it. */
  readonly users: Set<string>;
  /** Somebody asked and got nothing. */
  missed: boolean;
}

/**
 * The ConfigMaps and Secrets that this node's pods name, each kept by a watch of its own (more the Node authorizer does not allow) from
 * the first pod that names it until the last one is gone. An immutable one is read once. What was read is served also while the API
 * server is away.
 */
export class KeptObjects implements ReferencedObjects {
  readonly #options: KeptObjectsOptions;
  readonly #deps: ReflectorDeps;
  readonly #signal: AbortSignal;
  readonly #watched = new Map<string, Watched>();
  /** Pod UID -> keys of what it names. */
  readonly #names = new Map<string, readonly string[]>();

  constructor(options: KeptObjectsOptions, deps: ReflectorDeps, signal: AbortSignal) {
    this.#options = options;
    this.#deps = deps;
    this.#signal = signal;
  }

  /** All pods of this node, from now on. */
  want(pods: readonly Pod[]): void {
    const wanted = new Map<string, Pod>(pods.map((pod) => [uidOf(pod), pod]));
    // What a new pod needs too goes on before what an old one leaves is dropped.
    for (const [uid, pod] of wanted) this.#name(uid, namespaceOf(pod), referencesOf(pod));
    for (const uid of [...this.#names.keys()]) {
      if (wanted.has(uid)) continue;
      this.#name(uid, "", []);
      this.#names.delete(uid);
    }
  }

  /** Objects that are kept. */
  get size(): number {
    return this.#watched.size;
  }

  async find<K extends ReferenceKind>(
    kind: K,
    namespace: string,
    name: string,
    signal: AbortSignal,
  ): Promise<ReferencedObject[K] | undefined> {
    const watched = this.#watched.get(keyOf(kind, namespace, name));
    if (!watched) throw waiting(`object "${namespace}"/"${name}" not registered`);
    const { kept } = watched;
    const isKnown = kept.hasSynced || (await kept.synced(FIRST_ANSWER, signal));
    if (!isKnown) {
      watched.missed = true;
      const why = kept.trouble?.message ?? "timed out waiting for the condition";
      throw waiting(`failed to sync ${kind.toLowerCase()} cache: ${why}`);
    }
    const object = kept.get();
    if (object === undefined) watched.missed = true;
    return object as ReferencedObject[K] | undefined;
  }

  whyMissing(kind: ReferenceKind, _namespace: string, name: string): string {
    return `${kind.toLowerCase()} "${name}" not found`;
  }

  #name(uid: string, namespace: string, references: readonly Reference[]): void {
    const before = this.#names.get(uid) ?? [];
    const after = references.map(({ kind, name }) => keyOf(kind, namespace, name));
    if (isDeepStrictEqual(before, after)) {
      this.#names.set(uid, before);
      return;
    }
    this.#names.set(uid, after);
    for (const [index, { kind, name }] of references.entries())
      this.#hold(after[index] ?? "", kind, namespace, name, uid);
    for (const key of before) if (!after.includes(key)) this.#drop(key, uid);
  }

  #hold(key: string, kind: ReferenceKind, namespace: string, name: string, uid: string): void {
    const known = this.#watched.get(key);
    if (known) {
      known.users.add(uid);
      return;
    }
    const at = { group: "", version: "v1", resource: RESOURCES[kind], namespace };
    const kept = new Kept<ReferencedObject[ReferenceKind]>(
      { at, name, lacks, onChange: (isFirst) => this.#changed(watched, isFirst), onBug: this.#options.onBug },
      this.#deps,
      this.#signal,
    );
    const watched: Watched = { kind, kept, users: new Set([uid]), missed: false };
    this.#watched.set(key, watched);
    kept.start();
  }

  #drop(key: string, uid: string): void {
    const watched = this.#watched.get(key);
    if (!watched) return;
    watched.users.delete(uid);
    if (watched.users.size > 0) return;
    watched.kept.stop();
    this.#watched.delete(key);
  }

  #changed(watched: Watched, isFirst: boolean): void {
    if (watched.kept.get()?.immutable === true) watched.kept.freeze();
    if (isFirst && !watched.missed) return;
    watched.missed = false;
    for (const uid of [...watched.users]) this.#options.onChange(uid);
  }
}

/** It may have been made just before its pod: nobody is told that it is missing, nor goes on without it, because a cache has not heard of it. */
const lacks = (items: readonly unknown[]): boolean => items.length === 0;

const keyOf = (kind: ReferenceKind, namespace: string, name: string): string => `${kind}/${namespace}/${name}`;

const waiting = (message: string): KubeletError =>
  new KubeletError(message, { code: "waiting", reason: "CreateContainerConfigError" });
