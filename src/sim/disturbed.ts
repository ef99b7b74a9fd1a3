import { KubeletError } from "../base/fault.ts";
import type { Faults } from "./faults.ts";
import type { World } from "./world.ts";

/** When an operation on something that hangs ends, ms: never sooner for whoever waits. */
const HANG = 60_000;

/** Operations of one process on the simulated disk: slow, failing, hanging; what is in flight when it dies may or may not happen. */
export class Disturbed {
  readonly #world: World;
  readonly #faults: Faults;
  readonly #life: AbortSignal;

  constructor(world: World, faults: Faults, life: AbortSignal) {
    this.#world = world;
    this.#faults = faults;
    this.#life = life;
  }

  /** `path`: where it may hang; the pod that owns it is part of it. */
  act<T>(what: string, effect: () => T, path = ""): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    if (this.#life.aborted) return promise;
    const { time, chance } = this.#world;
    const uid = /uid-\d+/.exec(path)?.[0];
    const hangs = uid !== undefined && this.#faults.hung.has(uid);
    const fails = hangs || chance.happens(this.#faults.diskErrors);
    time.at(hangs ? HANG : chance.between(0, 2), () => {
      const dead = this.#life.aborted;
      if (dead && (hangs || chance.happens(0.5))) return;
      try {
        if (fails) throw failed("EIO", path || `a ${what}`);
        const value = effect();
        if (!dead) resolve(value);
      } catch (error) {
        if (!dead) reject(error);
      }
    });
    return promise;
  }
}

export const failed = (errno: string, path: string): KubeletError =>
  new KubeletError(`Cannot use ${path}: ${errno}`, { code: "file-failed", path, errno });
