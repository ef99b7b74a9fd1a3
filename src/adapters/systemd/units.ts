import { KubeletError, messageOf } from "../../base/fault.ts";
import { type Millis, millis, seconds } from "../../base/units.ts";
import { within } from "../../base/within.ts";
import type { Clock } from "../../ports/clock.ts";
import { Bus, type BusCall, BusLost, type BusPlace, BusRefusal } from "./bus.ts";
import type { BusValue, Variant } from "./marshal.ts";
import type { Property } from "./slice-properties.ts";
import type { Message } from "./wire.ts";

export const SYSTEMD = "org.freedesktop.systemd1";
const PATH = "/org/freedesktop/systemd1";
const MANAGER = `${SYSTEMD}.Manager`;
const PROPERTIES = "org.freedesktop.DBus.Properties";
const JOBS = `type='signal',sender='${SYSTEMD}',interface='${MANAGER}',member='JobRemoved',path='${PATH}'`;

/** As long as the Go kubelet gives systemd. */
const JOB_PATIENCE = seconds(30);
const CALL_PATIENCE = seconds(25);
/** The word that a job is done may be lost, as when systemd executes itself anew: then the unit itself tells. */
const LOOK_AFTER = seconds(2);
const TRIES = 6;
const FIRST_PAUSE = millis(50);
/** systemd is away for a moment: it executes itself anew, or the bus starts again. */
const AWAY = [
  "org.freedesktop.DBus.Error.NoReply",
  "org.freedesktop.DBus.Error.ServiceUnknown",
  "org.freedesktop.DBus.Error.NameHasNoOwner",
  "org.freedesktop.DBus.Error.Disconnected",
  // The bus tries to start it, by a program that only says no.
  "org.freedesktop.DBus.Error.Spawn.ChildExited",
];

/** The units that this kubelet makes, by name ("kubepods-burstable.slice"). Errors are KubeletError `file-failed`, with the unit as path. */
export interface Units {
  /** Makes the slice and starts it, with all that it lies in; no error when it is there. */
  startSlice(unit: string, parent: string): Promise<void>;
  /** Until the next boot, or until it is stopped. */
  setProperties(unit: string, properties: readonly Property[]): Promise<void>;
  /** Stops it, and what lies in it. No error when it is not there. */
  stop(unit: string): Promise<void>;
  /** Of systemd itself: 252. */
  version(): Promise<number>;
}

export interface UnitsOptions {
  /** Tried in this order, each time a connection is needed. */
  readonly places: readonly BusPlace[];
  readonly clock: Clock;
}

/** systemd's units over D-Bus. Connects at the first call, and again whenever the connection was lost. Ends with `life`. */
export function openUnits(options: UnitsOptions, life: AbortSignal): Units {
  return new SystemdUnits(options, life);
}

/** One connection, with the jobs that it waits for. */
interface Link {
  readonly bus: Bus;
  readonly waiting: Map<string, PromiseWithResolvers<string>>;
  /** Results that came before it was known whose they are; kept only while somebody asks. */
  readonly early: Map<string, string>;
  asking: number;
}

class SystemdUnits implements Units {
  readonly #options: UnitsOptions;
  readonly #life: AbortSignal;
  #link: Promise<Link> | undefined;
  #version: number | undefined;

  constructor(options: UnitsOptions, life: AbortSignal) {
    this.#options = options;
    this.#life = life;
  }

  async startSlice(unit: string, parent: string): Promise<void> {
    await this.#trying(`start ${unit}`, unit, async (link) => {
      try {
        const body = [unit, "replace", sliceProperties(unit, parent), []];
        await this.#job(link, unit, "active", { member: "StartTransientUnit", signature: "ssa(sv)a(sa(sv))", body });
      } catch (error) {
        if (!isRefusal(error, `${SYSTEMD}.UnitExists`)) throw error;
        // Loaded, which does not mean that it runs.
        await this.#job(link, unit, "active", { member: "StartUnit", signature: "ss", body: [unit, "replace"] });
      }
    });
  }

  async setProperties(unit: string, properties: readonly Property[]): Promise<void> {
    if (properties.length === 0) return;
    const body = [unit, true, properties];
    await this.#trying(`set properties of ${unit}`, unit, (link) =>
      this.#call(link, { member: "SetUnitProperties", signature: "sba(sv)", body }),
    );
  }

  async stop(unit: string): Promise<void> {
    await this.#trying(`stop ${unit}`, unit, async (link) => {
      try {
        await this.#job(link, unit, "inactive", { member: "StopUnit", signature: "ss", body: [unit, "replace"] });
      } catch (error) {
        if (!isRefusal(error, `${SYSTEMD}.NoSuchUnit`)) throw error;
      }
      // One that failed would stay in systemd's list.
      await this.#call(link, { member: "ResetFailedUnit", signature: "s", body: [unit] }).catch((error) => {
        if (!(error instanceof BusRefusal)) throw error;
      });
    });
  }

  async version(): Promise<number> {
    this.#version ??= await this.#trying("read systemd's version", SYSTEMD, async (link) => {
      const text = await this.#property(link, PATH, MANAGER, "Version");
      const version = Number(/\d+/.exec(String(text))?.[0]);
      if (!Number.isSafeInteger(version)) throw new Error(`systemd calls its version "${text}"`);
      return version;
    });
    return this.#version;
  }

  /** Calls, and waits for the job that the call made. `wanted`: the unit's state when it is done. */
  async #job(
    link: Link,
    unit: string,
    wanted: "active" | "inactive",
    call: Pick<BusCall, "member" | "signature" | "body">,
  ): Promise<void> {
    const told = Promise.withResolvers<string>();
    // Nobody may be left to hear that the connection is lost.
    told.promise.catch(() => {});
    let job: string | undefined;
    link.asking++;
    try {
      job = String((await this.#call(link, call))[0]);
      const early = link.early.get(job);
      if (early === undefined) link.waiting.set(job, told);
      else told.resolve(early);
    } finally {
      link.asking--;
      if (link.asking === 0) link.early.clear();
    }
    try {
      const result = await this.#end(link, unit, wanted, told.promise);
      if (result !== "done") throw new Error(`systemd's job ended as "${result}"`);
    } finally {
      link.waiting.delete(job);
    }
  }

  async #end(link: Link, unit: string, wanted: string, told: Promise<string>): Promise<string> {
    const { clock } = this.#options;
    const looks = Math.floor(JOB_PATIENCE / LOOK_AFTER);
    for (let look = 0; look < looks; look++) {
      const result = await within<string | undefined>(LOOK_AFTER, clock, {
        work: () => told,
        late: () => undefined,
        signal: this.#life,
      });
      if (result !== undefined) return result;
      if ((await this.#stateOf(link, unit)) === wanted) return "done";
    }
    throw new Error(`systemd has not finished after ${JOB_PATIENCE / 1000} s`);
  }

  /** "inactive" also for one that is not loaded. */
  async #stateOf(link: Link, unit: string): Promise<string> {
    try {
      const [path] = await this.#call(link, { member: "GetUnit", signature: "s", body: [unit] });
      return String(await this.#property(link, String(path), `${SYSTEMD}.Unit`, "ActiveState"));
    } catch (error) {
      if (isRefusal(error, `${SYSTEMD}.NoSuchUnit`)) return "inactive";
      throw error;
    }
  }

  async #property(link: Link, path: string, of: string, name: string): Promise<BusValue> {
    const where = { destination: SYSTEMD, path, interface: PROPERTIES };
    const [value] = await this.#send(link, { ...where, member: "Get", signature: "ss", body: [of, name] });
    return (value as Variant).value;
  }

  #call(link: Link, call: Pick<BusCall, "member" | "signature" | "body">): Promise<readonly BusValue[]> {
    return this.#send(link, { destination: SYSTEMD, path: PATH, interface: MANAGER, ...call } as BusCall);
  }

  #send(link: Link, call: BusCall): Promise<readonly BusValue[]> {
    return within(CALL_PATIENCE, this.#options.clock, {
      work: (signal) => link.bus.call(call, signal),
      late: () => {
        throw new Error(`systemd has not answered ${call.member} after ${CALL_PATIENCE / 1000} s`);
      },
      signal: this.#life,
    });
  }

  /** Once more after a moment where the connection was lost or systemd is away: everything here may be repeated. */
  async #trying<T>(action: string, path: string, work: (link: Link) => Promise<T>): Promise<T> {
    let pause: Millis = FIRST_PAUSE;
    for (let attempt = 1; ; attempt++) {
      try {
        return await work(await this.#connected());
      } catch (error) {
        this.#life.throwIfAborted();
        const mayPass = error instanceof BusLost || AWAY.some((name) => isRefusal(error, name));
        if (!mayPass || attempt === TRIES) throw unitFault(action, path, error);
        await this.#options.clock.sleep(pause, this.#life);
        pause = millis(pause * 2);
      }
    }
  }

  #connected(): Promise<Link> {
    if (this.#link) return this.#link;
    const link = this.#connect();
    this.#link = link;
    const forget = () => {
      if (this.#link === link) this.#link = undefined;
    };
    link.then(({ bus }) => bus.lost.then(forget), forget);
    return link;
  }

  async #connect(): Promise<Link> {
    const { places, clock } = this.#options;
    const bus = await openFirst(places, clock, this.#life);
    const link: Link = { bus, waiting: new Map(), early: new Map(), asking: 0 };
    bus.onSignal((signal) => jobRemoved(link, signal));
    const close = () => bus[Symbol.dispose]();
    this.#life.addEventListener("abort", close, { once: true });
    // Once for all jobs: what each hung on this promise would stay for as long as the connection.
    void bus.lost.then(() => {
      this.#life.removeEventListener("abort", close);
      const lost = new BusLost("The D-Bus connection was lost while systemd worked");
      for (const { reject } of link.waiting.values()) reject(lost);
    });
    try {
      await within(CALL_PATIENCE, clock, {
        work: (signal) => bus.match(JOBS, signal),
        late: () => {
          throw new Error(`the bus has not answered AddMatch after ${CALL_PATIENCE / 1000} s`);
        },
        signal: this.#life,
      });
      return link;
    } catch (error) {
      close();
      throw error;
    }
  }
}

/** @throws KubeletError of the first place, where none answers */
async function openFirst(places: readonly BusPlace[], clock: Clock, signal: AbortSignal): Promise<Bus> {
  let first: unknown;
  for (const place of places) {
    try {
      return await Bus.open(place, clock, signal);
    } catch (error) {
      signal.throwIfAborted();
      first ??= error;
    }
  }
  throw first;
}

/** uosS: id, path of the job, unit, result. */
function jobRemoved({ waiting, early, asking }: Link, { member, interface: of, body }: Message): void {
  if (member !== "JobRemoved" || of !== MANAGER) return;
  const [, job, , result] = body.map(String);
  if (job === undefined || result === undefined) return;
  const wait = waiting.get(job);
  if (wait) wait.resolve(result);
  else if (asking > 0) early.set(job, result);
}

/** Accounting is always on: the kernel has trouble with a memory controller that joins later. Without default dependencies, or shutting down would stop it early. */
const sliceProperties = (unit: string, parent: string): readonly Property[] => [
  ["Description", { type: "s", value: `Pods of the kubelet: ${unit}` }],
  ["Wants", { type: "as", value: [parent] }],
  ...["MemoryAccounting", "CPUAccounting", "IOAccounting", "TasksAccounting"].map(
    (name): Property => [name, { type: "b", value: true }],
  ),
  ["DefaultDependencies", { type: "b", value: false }],
];

const isRefusal = (error: unknown, name: string): boolean => error instanceof BusRefusal && error.errorName === name;

function unitFault(action: string, path: string, error: unknown): KubeletError {
  if (error instanceof KubeletError) return error;
  const errno = error instanceof BusRefusal ? error.errorName : "EIO";
  return new KubeletError(
    `Cannot ${action}: ${messageOf(error)}`,
    { code: "file-failed", path, errno },
    { cause: error },
  );
}
