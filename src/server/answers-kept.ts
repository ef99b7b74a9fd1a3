import { orAborted } from "../base/abort.ts";
import { after, type Instant, type Millis } from "../base/units.ts";
import type { Clock } from "../ports/clock.ts";

/** Answers by key, for a while each; the least recently asked ones go first when there are too many. */
export class AnswersKept<Answer> {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #most: number;
  /** In the order of the last question. */
  readonly #answers = new Map<string, { readonly answer: Answer; readonly until: Instant }>();
  /** Questions that are being asked, with all who wait for the answer. */
  readonly #asked = new Map<string, Promise<Answer>>();

  constructor(most: number, clock: Pick<Clock, "monotonic">) {
    this.#most = most;
    this.#clock = clock;
  }

  get size(): number {
    return this.#answers.size;
  }

  /**
   * The answer that is kept, else that of `ask`, which many may wait for and none of them can cancel. `keptFor` says how long it counts;
   * 0: not at all. A failure is not kept. @throws what `ask` throws, or `signal.reason`
   */
  async get(
    key: string,
    ask: () => Promise<Answer>,
    keptFor: (answer: Answer) => Millis,
    signal: AbortSignal,
  ): Promise<Answer> {
    const kept = this.#kept(key);
    if (kept) return kept.answer;
    const asked = this.#asked.get(key) ?? this.#ask(key, ask, keptFor);
    return orAborted(asked, signal);
  }

  #kept(key: string): { readonly answer: Answer } | undefined {
    const kept = this.#answers.get(key);
    if (kept === undefined) return undefined;
    this.#answers.delete(key);
    if (this.#clock.monotonic() >= kept.until) return undefined;
    this.#answers.set(key, kept);
    return kept;
  }

  #ask(key: string, ask: () => Promise<Answer>, keptFor: (answer: Answer) => Millis): Promise<Answer> {
    const asked = ask()
      .then((answer) => {
        this.#keep(key, answer, keptFor(answer));
        return answer;
      })
      .finally(() => this.#asked.delete(key));
    asked.catch(() => {});
    this.#asked.set(key, asked);
    return asked;
  }

  #keep(key: string, answer: Answer, span: Millis): void {
    if (span <= 0) return;
    this.#answers.set(key, { answer, until: after(this.#clock.monotonic(), span) });
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= this.#most) return;
      this.#answers.delete(oldest);
    }
  }
}
