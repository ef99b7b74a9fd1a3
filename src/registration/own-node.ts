import { orAborted } from "../base/abort.ts";
import { Reflector, type ReflectorDeps } from "../kube/index.ts";
import type { Node } from "../model/kubernetes.ts";
import { NODES } from "./collections.ts";

/**
 * Our Node object as the API server has it: what a watch tells, and what our own writes were answered, whichever is newer. The answer to a
 * write is there before the watch tells of it, so nothing is written twice in between.
 */
export class OwnNode {
  readonly #name: string;
  readonly #reflector: Reflector<Node>;
  readonly #onChange: (node: Node | undefined, byOthers: boolean) => void;
  /** The watch has told of a Node: only then can one be missing there. A first list may be older than our own write. */
  #watched = false;
  #node: Node | undefined;
  #known = Promise.withResolvers<void>();

  /** `onChange`: after each change, `byOthers` unless it is the answer to a call of ours; undefined: the Node was deleted. */
  constructor(name: string, deps: ReflectorDeps, onChange: (node: Node | undefined, byOthers: boolean) => void) {
    this.#name = name;
    this.#onChange = onChange;
    this.#reflector = new Reflector<Node>(
      { at: NODES, fieldSelector: `metadata.name=${name}`, onChange: () => this.#saw(this.#reflector.get(name)) },
      deps,
    );
  }

  get current(): Node | undefined {
    return this.#node;
  }

  /** The answer to a write of ours, or to a read past the watch. */
  took(node: Node): void {
    if (node.metadata?.name === this.#name) this.#take(node, false);
  }

  /** A call was told that there is no such Node. */
  isGone(): void {
    if (this.#node === undefined) return;
    this.#node = undefined;
    this.#known = Promise.withResolvers();
    this.#onChange(undefined, true);
  }

  /** Resolves when the Node is known. */
  async whenKnown(signal: AbortSignal): Promise<Node> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#node) return this.#node;
      await orAborted(this.#known.promise, signal);
    }
  }

  run(signal: AbortSignal): Promise<never> {
    return this.#reflector.run(signal);
  }

  #saw(node: Node | undefined): void {
    if (node) this.#take(node, true);
    else if (this.#watched) this.isGone();
    this.#watched = node !== undefined;
  }

  #take(node: Node, byOthers: boolean): void {
    if (this.#node && !isNewer(node, this.#node)) return;
    this.#node = node;
    this.#known.resolve();
    this.#onChange(node, byOthers);
  }
}

/** Versions of one object can be compared as numbers (KEP-5504); another UID is another object, which came later. */
function isNewer({ metadata: a }: Node, { metadata: b }: Node): boolean {
  if (a?.uid !== b?.uid) return true;
  const [left, right] = [a?.resourceVersion ?? "", b?.resourceVersion ?? ""];
  if (!/^\d{1,30}$/.test(left) || !/^\d{1,30}$/.test(right)) return left !== right;
  return BigInt(left) > BigInt(right);
}
