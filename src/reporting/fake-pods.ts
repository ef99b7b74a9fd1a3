import type { Pod } from "../model/kubernetes.ts";
import { isMirror } from "../model/pod.ts";
import type { SimApiServer } from "../sim/kube-api-server.ts";
import { podsOf, type SeenPods } from "./target.ts";

/** What the watch has shown of a simulated API server: it is `look`ed at when a test says so. */
export class FakeSeen implements SeenPods {
  readonly #server: SimApiServer;
  #pods: readonly Pod[] = [];
  hasSynced = true;

  constructor(server: SimApiServer) {
    this.#server = server;
  }

  look(): void {
    this.#pods = this.#server.list<Pod>(podsOf("default")).items;
  }

  get(namespace: string, name: string): Pod | undefined {
    return this.#pods.find(({ metadata }) => metadata?.name === name && metadata.namespace === namespace);
  }

  get mirrors(): readonly Pod[] {
    return this.#pods.filter(isMirror);
  }
}
