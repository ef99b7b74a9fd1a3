/** Waits for things to come true, shows each one as it does, and remembers what did not. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Fact } from "./facts.ts";
import { Look } from "./look.ts";
import type { DemoNode } from "./node.ts";
import { crossed, ticked, Waiting } from "./show.ts";

const PAUSE_MS = 100;

export class Witness {
  readonly #node: DemoNode;
  readonly #signal: AbortSignal;
  readonly missed: string[] = [];

  constructor(node: DemoNode, signal: AbortSignal) {
    this.#node = node;
    this.#signal = signal;
  }

  /** One step that has to succeed; returns what it was about, or undefined when it failed, which is shown and remembered. */
  async step<T>(
    name: string,
    work: () => Promise<T>,
    tell: (result: T) => string = () => name,
  ): Promise<T | undefined> {
    const started = performance.now();
    try {
      const result = await this.#interruptible(name, work);
      ticked(tell(result), performance.now() - started);
      return result;
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#miss(name, started, error);
      return undefined;
    }
  }

  /** Looks again and again until all facts are true or the time is up. Each one's seconds count from here. */
  async facts(facts: readonly Fact[], timeout = 60_000): Promise<void> {
    const started = performance.now();
    const open = new Map(facts.map((fact) => [fact, undefined as unknown]));
    {
      using waiting = new Waiting("");
      while (open.size > 0 && performance.now() - started < timeout && this.#node.ended === undefined) {
        waiting.say(`waiting for ${[...open.keys()].map(({ name }) => name).join("; ")}`);
        const look = await this.#look();
        if (look)
          for (const fact of [...open.keys()]) if (await this.#isTrue(fact, look, open, started)) open.delete(fact);
        await sleep(PAUSE_MS, undefined, { signal: this.#signal });
      }
    }
    for (const [{ name }, error] of open) this.#miss(name, started, error);
  }

  /** As `facts` for one, counted from now. */
  async fact(name: string, check: Fact["check"], timeout?: number): Promise<void> {
    await this.facts([{ name, check }], timeout);
  }

  async #isTrue(fact: Fact, look: Look, open: Map<Fact, unknown>, started: number): Promise<boolean> {
    try {
      const told = await fact.check(look);
      if (told === undefined) return false;
      ticked(told, performance.now() - started);
      return true;
    } catch (error) {
      open.set(fact, error);
      return false;
    }
  }

  async #look(): Promise<Look | undefined> {
    try {
      return await Look.at(this.#node);
    } catch {
      // The kubelet's socket comes a moment after the kubelet.
      return undefined;
    }
  }

  async #interruptible<T>(name: string, work: () => Promise<T>): Promise<T> {
    using _waiting = new Waiting(name);
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => aborted.reject(this.#signal.reason);
    this.#signal.throwIfAborted();
    this.#signal.addEventListener("abort", onAbort);
    try {
      return await Promise.race([work(), aborted.promise]);
    } finally {
      this.#signal.removeEventListener("abort", onAbort);
    }
  }

  #miss(name: string, started: number, error: unknown): void {
    this.missed.push(name);
    crossed(name, performance.now() - started, error instanceof Error ? error.message : "");
  }
}
