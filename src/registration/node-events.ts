import type { Node } from "../model/kubernetes.ts";
import type { Events } from "../ports/events.ts";
import type { ConditionChange } from "./conditions.ts";

const ABOUT = { kind: "node" } as const;

/** Tells of what becomes of the node, each change once however often it has to be written. Words are upstream's. */
export class NodeEvents {
  readonly #nodeName: string;
  readonly #events: Events;
  /** By condition type: the reason told of what is not written yet. */
  readonly #told = new Map<string, string>();
  #unschedulable = false;
  #rebootTold = false;

  constructor(nodeName: string, events: Events) {
    this.#nodeName = nodeName;
    this.#events = events;
  }

  changed(changes: readonly ConditionChange[]): void {
    for (const { type, reason } of changes) {
      if (this.#told.get(type) === reason) continue;
      this.#told.set(type, reason);
      this.#record(reason);
    }
  }

  /** What was told is in the Node: from here on it is a change again, also when somebody else had set the condition to Unknown meanwhile. */
  written(): void {
    this.#told.clear();
  }

  /** What the Node says that we did not write: whether pods may be placed here, and which boot it knows. */
  saw({ spec, status }: Node, bootId: string): void {
    const unschedulable = spec?.unschedulable === true;
    if (unschedulable !== this.#unschedulable) this.#record(unschedulable ? "NodeNotSchedulable" : "NodeSchedulable");
    this.#unschedulable = unschedulable;
    const known = status?.nodeInfo?.bootID ?? "";
    if (known === "" || known === bootId || this.#rebootTold) return;
    this.#rebootTold = true;
    const message = `Node ${this.#nodeName} has been rebooted, boot id: ${bootId}`;
    this.#events.record({ type: "Warning", reason: "Rebooted", message, about: ABOUT });
  }

  #record(reason: string): void {
    const message = `Node ${this.#nodeName} status is now: ${reason}`;
    this.#events.record({ type: "Normal", reason, message, about: ABOUT });
  }
}
