import type { HostFacts } from "./facts.ts";
import type { KubeletConfiguration } from "./table.ts";

/** What the cross-field rules look at. */
export interface Judged {
  readonly kubelet: KubeletConfiguration;
  readonly gatesOn: ReadonlySet<string>;
  readonly facts: HostFacts;
}
