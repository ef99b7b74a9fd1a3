/** Everything one demo holds of the machine; disposing of it gives all of it back. */
import { setTimeout as sleep } from "node:timers/promises";
import { Registry } from "../lib/registry.ts";
import { DemoNode } from "./node.ts";
import { makeCgroup, makePlace, type Place, removePlace } from "./place.ts";

/** Most pods of the examples end within two seconds; whatever does not is killed with the runtime. */
const GRACE_MS = 10_000;

export class Stage implements AsyncDisposable {
  readonly place: Place;
  readonly node: DemoNode;
  #registry: Registry | undefined;

  private constructor(place: Place, node: DemoNode) {
    this.place = place;
    this.node = node;
  }

  static async open(launcher: string): Promise<Stage> {
    const place = makePlace();
    await makeCgroup(place);
    return new Stage(place, new DemoNode(place, launcher));
  }

  /** On the port that people know; nobody else can have it in a network namespace of our own. */
  async startRegistry(): Promise<Registry> {
    this.#registry = await Registry.start({ folder: this.place.registry, port: 5000 });
    return this.#registry;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stopPods();
    await this.node.stop();
    await this.#registry?.stop();
    await removePlace(this.place);
  }

  /** Lets the kubelet end its pods as it would any: by taking their manifests away. */
  async #stopPods(): Promise<void> {
    this.node.removeAll();
    const deadline = performance.now() + GRACE_MS;
    while (this.node.ended === undefined && performance.now() < deadline) {
      const left = await this.node.pods().catch(() => undefined);
      if (left?.items.length === 0) return;
      await sleep(100);
    }
  }
}
