import type { Pod, Service } from "../model/kubernetes.ts";
import { uidOf } from "../model/pod.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { PodReferences } from "../ports/referenced.ts";
import { onceAuthorized } from "./authorized.ts";
import { KeptObjects } from "./kept-objects.ts";
import type { ReflectorDeps } from "./reflector.ts";
import { RuntimeClasses } from "./runtime-classes.ts";
import { Services } from "./services.ts";
import { Tokens } from "./tokens.ts";

/**
 * What pods refer to, read from the API server: ConfigMaps and Secrets, ServiceAccount tokens, services, RuntimeClasses. Only what this
 * node's pods need, only as long as they do.
 *
 * Wiring: one for the process. The core calls `want` with the admitted pods before it hands them to their workers, and `onChange` to ring
 * a pod's worker and the update of its volumes; `run` belongs beside the core's other loops.
 */
export class References implements PodReferences {
  readonly objects: KeptObjects;
  readonly tokens: Tokens;
  readonly #services: Services;
  readonly #runtimeClasses: RuntimeClasses;
  readonly #revisions = new Map<string, number>();
  readonly #listeners: ((uid: string) => void)[] = [];
  readonly #bug = Promise.withResolvers<never>();

  /** `signal`: the life of the process. */
  constructor(deps: ReflectorDeps & { readonly api: KubeApi }, signal: AbortSignal) {
    const onBug = this.#bug.reject;
    this.#bug.promise.catch(() => {});
    const onChange = (uid: string) => this.#changed(uid);
    const patient: ReflectorDeps = { ...deps, api: patientLists(deps) };
    this.objects = new KeptObjects({ onChange, onBug }, patient, signal);
    this.tokens = new Tokens({ ...deps, onDue: (uid) => this.#tell(uid) });
    this.#services = new Services({ onBug, onSynced: () => this.#changedForAll() }, deps, signal);
    this.#runtimeClasses = new RuntimeClasses({ onBug, onChange }, deps, signal);
  }

  want(pods: readonly Pod[]): void {
    const wanted = new Set<string>(pods.map(uidOf));
    for (const uid of this.#revisions.keys()) if (!wanted.has(uid)) this.#revisions.delete(uid);
    for (const uid of wanted) if (!this.#revisions.has(uid)) this.#revisions.set(uid, 0);
    this.objects.want(pods);
    this.#services.want(pods);
    this.#runtimeClasses.want(pods);
  }

  services(pod: Pod, signal: AbortSignal): Promise<readonly Service[]> {
    return this.#services.servicesFor(pod, signal);
  }

  runtimeHandler(pod: Pod, signal: AbortSignal): Promise<string> {
    return this.#runtimeClasses.handlerOf(pod, signal);
  }

  revision(uid: string): number {
    return this.#revisions.get(uid) ?? 0;
  }

  onChange(tell: (uid: string) => void): void {
    this.#listeners.push(tell);
  }

  run(signal: AbortSignal): Promise<never> {
    return Promise.race([this.tokens.run(signal), this.#bug.promise]);
  }

  get sizes(): Readonly<Record<string, number>> {
    return {
      referencedObjects: this.objects.size,
      tokens: this.tokens.size,
      serviceNamespaces: this.#services.size,
      references: this.#revisions.size,
    };
  }

  #changed(uid: string): void {
    const known = this.#revisions.get(uid);
    if (known === undefined) return;
    this.#revisions.set(uid, known + 1);
    this.#tell(uid);
  }

  #changedForAll(): void {
    for (const uid of [...this.#revisions.keys()]) this.#changed(uid);
  }

  #tell(uid: string): void {
    for (const tell of this.#listeners) tell(uid);
  }
}

/** Lists that wait until the server knows that a pod of ours names the object. */
const patientLists = ({ api, clock }: ReflectorDeps): ReflectorDeps["api"] => ({
  list: (at, query, signal) => onceAuthorized(() => api.list(at, query, signal), clock, signal),
  watch: (at, query, signal) => api.watch(at, query, signal),
});
