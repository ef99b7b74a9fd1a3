import type { KubeObject, WatchEvent } from "../ports/kube-api.ts";

/** Objects by key ("namespace/name", or "name"), only what is needed of each. */
export class Holding<T extends KubeObject> {
  readonly #keep: (object: T) => T | undefined;
  readonly #objects = new Map<string, T>();

  constructor(keep: (object: T) => T | undefined = (object) => object) {
    this.#keep = keep;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  all(): readonly T[] {
    return [...this.#objects.values()];
  }

  /** Returns the keys of what is new, of another version, or gone. */
  replaceAll(items: readonly T[]): ReadonlySet<string> {
    const changed = new Set<string>();
    const seen = new Set<string>();
    for (const item of items) {
      const key = keyOf(item);
      if (key === undefined) continue;
      const old = this.#objects.get(key)?.metadata;
      const kept = this.#put(key, item);
      if (kept) seen.add(key);
      if (old?.resourceVersion !== kept?.metadata?.resourceVersion || old?.uid !== kept?.metadata?.uid)
        changed.add(key);
    }
    for (const key of [...this.#objects.keys()]) {
      if (seen.has(key)) continue;
      this.#objects.delete(key);
      changed.add(key);
    }
    return changed;
  }

  /** The key of what changed; undefined for an object without a name. */
  take({ type, object }: Extract<WatchEvent<T>, { readonly object: T }>): string | undefined {
    const key = keyOf(object);
    if (key === undefined) return undefined;
    if (type === "DELETED") this.#objects.delete(key);
    else this.#put(key, object);
    return key;
  }

  #put(key: string, object: T): T | undefined {
    const kept = this.#keep(withoutManagedFields(object));
    if (kept === undefined) this.#objects.delete(key);
    else this.#objects.set(key, kept);
    return kept;
  }
}

function keyOf({ metadata }: KubeObject): string | undefined {
  if (!metadata?.name) return undefined;
  return metadata.namespace ? `${metadata.namespace}/${metadata.name}` : metadata.name;
}

/** They tell who wrote which field: often more text than the object itself, and of no use to a node. */
function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (object.metadata?.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
