import { orAborted } from "../../base/abort.ts";
import { seconds, until } from "../../base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Identity, Session } from "./session.ts";

/** Between two attempts to connect that failed, however many wait for one. */
const PAUSE = seconds(0.5);

/** Makes a connection; ends with an error or when `signal` aborts. */
export type OpenSession = (identity: Identity, signal: AbortSignal) => Promise<Session>;

/**
 * The connections in use: one, unless it has no room for another stream. A new identity (a renewed certificate, a new CA) gets a new connection;
 * what goes on over the old one goes on until it ends by itself, so that no watch is dropped.
 */
export class Sessions {
  readonly #open: OpenSession;
  readonly #clock: Clock;
  readonly #life = new AbortController();
  #identity: Identity | undefined;
  #sessions: Session[] = [];
  #retired: Session[] = [];
  #opening: Promise<Session> | undefined;
  #notBefore = 0;

  constructor(open: OpenSession, clock: Clock) {
    this.#open = open;
    this.#clock = clock;
  }

  /** Connections that are open, for those who look at what this costs. */
  get count(): number {
    return [...this.#sessions, ...this.#retired].filter(({ isClosed }) => !isClosed).length;
  }

  async take(identity: Identity, signal: AbortSignal): Promise<Session> {
    signal.throwIfAborted();
    this.#life.signal.throwIfAborted();
    if (!isSame(this.#identity, identity)) this.#change(identity);
    // Ended by the peer, maybe with watches that go on.
    this.#setAside(({ isOver }) => isOver);
    const free = this.#sessions.find(({ isFree }) => isFree);
    if (free) return free;
    this.#opening ??= this.#openOne(identity);
    const session = await orAborted(this.#opening, signal);
    const newest = this.#identity;
    // Somebody else brought a newer one meanwhile, which is as good for all.
    return newest === undefined || isSame(newest, identity) ? session : this.take(newest, signal);
  }

  /** Ends all connections: whatever goes on over them fails, and the next request connects anew. */
  drop(): void {
    for (const session of [...this.#sessions, ...this.#retired]) session.destroy();
    this.#sessions = [];
    this.#retired = [];
  }

  close(): void {
    this.#life.abort(new Error("the client was closed"));
    this.drop();
  }

  #change(identity: Identity): void {
    this.#identity = identity;
    for (const session of this.#sessions) session.retire();
    this.#setAside(() => true);
    this.#opening = undefined;
  }

  /** A server may end connections by the hour, and this goes on for months: what has ended is let go. */
  #setAside(isMeant: (session: Session) => boolean): void {
    const meant = this.#sessions.filter(isMeant);
    if (meant.length === 0) return;
    this.#sessions = this.#sessions.filter((session) => !meant.includes(session));
    this.#retired = [...this.#retired, ...meant].filter(({ isClosed }) => !isClosed);
  }

  #openOne(identity: Identity): Promise<Session> {
    const opening = this.#connect(identity).finally(() => {
      if (this.#opening === opening) this.#opening = undefined;
    });
    // Whoever waited may be gone.
    opening.catch(() => {});
    return opening;
  }

  async #connect(identity: Identity): Promise<Session> {
    const { signal } = this.#life;
    const now = this.#clock.monotonic();
    if (now < this.#notBefore) await this.#clock.sleep(until(now, this.#notBefore as typeof now), signal);
    try {
      const session = await this.#open(identity, signal);
      if (signal.aborted) session.destroy();
      signal.throwIfAborted();
      if (isSame(this.#identity, identity)) this.#sessions.push(session);
      else session.retire();
      return session;
    } catch (error) {
      this.#notBefore = this.#clock.monotonic() + PAUSE;
      throw error;
    }
  }
}

const isSame = (a: Identity | undefined, b: Identity): boolean =>
  a !== undefined && a.endpoint === b.endpoint && a.cert === b.cert && a.key === b.key;
