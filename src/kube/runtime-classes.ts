import { KubeletError } from "../base/fault.ts";
import { millis } from "../base/units.ts";
import type { Pod, RuntimeClass } from "../model/kubernetes.ts";
import { specOf, uidOf } from "../model/pod.ts";
import { Kept } from "./kept.ts";
import type { ReflectorDeps } from "./reflector.ts";

export interface RuntimeClassesOptions {
  readonly onBug: (error: unknown) => void;
  /** A class that this pod names may have changed: a sandbox that failed for want of it may work now. */
  readonly onChange: (uid: string) => void;
}

const FIRST_ANSWER = millis(1_000);
/** A name of a runtime's handler: a DNS label. */
const HANDLER = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** RuntimeClasses of the cluster, read from the first pod on that names one. */
export class RuntimeClasses {
  readonly #options: RuntimeClassesOptions;
  readonly #deps: ReflectorDeps;
  readonly #signal: AbortSignal;
  #kept: Kept<RuntimeClass> | undefined;
  #users: readonly Pod[] = [];

  constructor(options: RuntimeClassesOptions, deps: ReflectorDeps, signal: AbortSignal) {
    this.#options = options;
    this.#deps = deps;
    this.#signal = signal;
  }

  want(pods: readonly Pod[]): void {
    this.#users = pods.filter((pod) => classOf(pod) !== "");
    if (this.#users.length > 0) this.#open();
  }

  /** "" for the runtime's default. @throws KubeletError `waiting` with upstream's words */
  async handlerOf(pod: Pod, signal: AbortSignal): Promise<string> {
    const name = classOf(pod);
    if (name === "") return "";
    const kept = this.#open();
    if (!kept.hasSynced && !(await kept.synced(FIRST_ANSWER, signal))) {
      const why = kept.trouble?.message ?? "timed out waiting for the condition";
      throw refused(`failed to lookup RuntimeClass ${name}: ${why}`);
    }
    const found = kept.all().find(({ metadata }) => metadata?.name === name);
    if (!found) throw refused(`runtimeclass.node.k8s.io "${name}" not found`);
    const { handler } = found as { readonly handler?: unknown };
    if (typeof handler === "string" && HANDLER.test(handler)) return handler;
    throw refused(`RuntimeClass "${name}" has no usable handler: need a name of a-z, 0-9 and "-"`);
  }

  #open(): Kept<RuntimeClass> {
    if (this.#kept) return this.#kept;
    const at = { group: "node.k8s.io", version: "v1", resource: "runtimeclasses" };
    const onChange = () => {
      for (const pod of this.#users) this.#options.onChange(uidOf(pod));
    };
    // A class may have been made just before the first pod that names it.
    const lacks = (classes: readonly RuntimeClass[]) =>
      this.#users.some((pod) => !classes.some(({ metadata }) => metadata?.name === classOf(pod)));
    const { onBug } = this.#options;
    this.#kept = new Kept<RuntimeClass>({ at, lacks, onChange, onBug }, this.#deps, this.#signal);
    this.#kept.start();
    return this.#kept;
  }
}

const classOf = (pod: Pod): string => specOf(pod).runtimeClassName ?? "";

const refused = (message: string): KubeletError =>
  new KubeletError(message, { code: "waiting", reason: "FailedCreatePodSandBox" });
