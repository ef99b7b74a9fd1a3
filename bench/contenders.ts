/** Everyone who takes part, opened and closed together. */
import type { BareClient } from "./bare-client.ts";
import type { KubeletNode } from "./kubelet-node.ts";
import type { Options } from "./options.ts";

export interface Contenders {
  readonly options: Options;
  readonly ours: KubeletNode;
  readonly go: KubeletNode | undefined;
  readonly bare: BareClient;
}

/** The kubelets, ours first. */
export const kubeletsOf = ({ ours, go }: Contenders): readonly KubeletNode[] => (go ? [ours, go] : [ours]);

/** For samples that come one by one: who goes first changes each round, so that nobody always follows the same one. */
export function inTurn<T>(all: readonly T[], round: number): readonly T[] {
  const from = round % all.length;
  return [...all.slice(from), ...all.slice(0, from)];
}

/** Says that something goes on, on one line that is written over. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
