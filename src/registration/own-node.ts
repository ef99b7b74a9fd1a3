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
  /**
   * UID of the Node that the watch told of last: only that one can be missing there. A first list may be older than our own write, and so may be what comes
   * of a Node that was deleted, when the next one is registered already.
   */
  #watched: string | undefined;
  #node: Node | undefined;
  #known = Promise.withResolvers<void>();

  /** `onChange`: after each change, `byOthers` unless it is the answer to a call of ours; undefined: the Node was deleted. */
  constructor(name: string, deps: ReflectorDeps, onChange: (node: Node | undefined, byOthers: boolean) => void) {
    this.#name = name;
    this.#onChange = onChange;
    this.#reflector = new Reflector<Node>(
      {
        at: NODES,
        fieldSelector: `metadata.name=${name}`,
        keep: (node) => {
          this.#watched = node.metadata?.uid;
          return node;
        },
        onChange: () => this.#saw(this.#reflector.get(name)),
      },
      deps,
    );
  }

  get current(): Node | undefined {
    return this.#node;
  }

  /** The answer to a write of ours, or to a read past the watch. */
  took(node: Node): void {
    if (node.metadata?.name !== this.#name) return;
    // It is what answers now, though a server that lost what it had begins to count anew.
    const isAnother = node.metadata.uid !== this.#node?.metadata?.uid;
    if (isAnother || this.#isNewer(node)) this.#take(node, false);
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
    if (node === undefined) {
      if (this.#watched === this.#node?.metadata?.uid) this.isGone();
    } else if (this.#isNewer(node)) this.#take(node, true);
  }

  #isNewer(node: Node): boolean {
    return this.#node === undefined || isNewer(node, this.#node);
  }

  #take(node: Node, byOthers: boolean): void {
    // Ours is gone, though nobody told: what we had made of it, this one does not have.
    if (this.#node?.metadata?.uid !== node.metadata?.uid) this.isGone();
    this.#node = node;
    this.#known.resolve();
    this.#onChange(node, byOthers);
  }
}

/** Versions of one resource can be compared as numbers (KEP-5504), also those of two objects that had one name after another. */
function isNewer({ metadata: a }: Node, { metadata: b }: Node): boolean {
  const [left, right] = [a?.resourceVersion ?? "", b?.resourceVersion ?? ""];
  if (!/^\d{1,30}$/.test(left) || !/^\d{1,30}$/.test(right)) return left !== right;
  return BigInt(left) > BigInt(right);
}
