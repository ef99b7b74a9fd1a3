import { KubeletError } from "../base/fault.ts";
import { sideBySide } from "../base/side-by-side.ts";
import { millis } from "../base/units.ts";
import type { Pod, Service } from "../model/kubernetes.ts";
import { isStatic, namespaceOf, specOf } from "../model/pod.ts";
import { Kept } from "./kept.ts";
import type { ReflectorDeps } from "./reflector.ts";

export interface ServicesOptions {
  readonly onBug: (error: unknown) => void;
  /** Services can be told of for the first time after somebody had asked in vain. */
  readonly onSynced: () => void;
}

/** Every pod is told where the API server is. */
const MASTER = { namespace: "default", name: "kubernetes" };
const FIRST_ANSWER = millis(1_000);

interface Watched {
  readonly kept: Kept<Service>;
  missed: boolean;
}

/**
 * The services that containers are told of: those of the namespaces that have pods here, and the API server's own. No others, for a
 * cluster may have very many.
 */
export class Services {
  readonly #options: ServicesOptions;
  readonly #deps: ReflectorDeps;
  readonly #signal: AbortSignal;
  readonly #master: Watched;
  readonly #namespaces = new Map<string, Watched>();
  #masterStarted = false;

  constructor(options: ServicesOptions, deps: ReflectorDeps, signal: AbortSignal) {
    this.#options = options;
    this.#deps = deps;
    this.#signal = signal;
    this.#master = this.#watch(MASTER.namespace, MASTER.name);
  }

  /** All pods of this node, from now on. */
  want(pods: readonly Pod[]): void {
    if (pods.length > 0 && !this.#masterStarted) {
      this.#masterStarted = true;
      this.#master.kept.start();
    }
    const linked = new Set(pods.filter(hasServiceLinks).map(namespaceOf));
    for (const [namespace, { kept }] of this.#namespaces) {
      if (linked.has(namespace)) continue;
      kept.stop();
      this.#namespaces.delete(namespace);
    }
    for (const namespace of linked) {
      if (this.#namespaces.has(namespace)) continue;
      const watched = this.#watch(namespace, undefined);
      this.#namespaces.set(namespace, watched);
      watched.kept.start();
    }
  }

  /** Namespaces whose services are kept. */
  get size(): number {
    return this.#namespaces.size;
  }

  /**
   * Services to tell a pod's containers of. A static pod takes what is known: it may be what the API server itself needs to run.
   * @throws KubeletError `waiting` while they were never read
   */
  async servicesFor(pod: Pod, signal: AbortSignal): Promise<readonly Service[]> {
    const own = hasServiceLinks(pod) ? this.#namespaces.get(namespaceOf(pod)) : undefined;
    const needed = own ? [this.#master, own] : [this.#master];
    if (!isStatic(pod)) await sideBySide(needed.map((one) => this.#wait(one, signal)));
    const others = own?.kept.all().filter((service) => !isMaster(service)) ?? [];
    return [...others, ...this.#master.kept.all()];
  }

  async #wait(watched: Watched, signal: AbortSignal): Promise<void> {
    const { kept } = watched;
    if (kept.hasSynced || (await kept.synced(FIRST_ANSWER, signal))) return;
    watched.missed = true;
    const why = kept.trouble ? `: ${kept.trouble.message}` : "";
    throw new KubeletError(`services have not yet been read at least once, cannot construct envvars${why}`, {
      code: "waiting",
      reason: "CreateContainerConfigError",
    });
  }

  #watch(namespace: string, name: string | undefined): Watched {
    const at = { group: "", version: "v1", resource: "services", namespace };
    const onChange = (isFirst: boolean) => {
      if (isFirst && watched.missed) this.#options.onSynced();
    };
    const kept = new Kept<Service>({ at, name, onChange, onBug: this.#options.onBug }, this.#deps, this.#signal);
    const watched: Watched = { kept, missed: false };
    return watched;
  }
}

/** The API's default is yes. */
const hasServiceLinks = (pod: Pod): boolean => specOf(pod).enableServiceLinks ?? true;

const isMaster = ({ metadata }: Service): boolean =>
  metadata?.namespace === MASTER.namespace && metadata.name === MASTER.name;
