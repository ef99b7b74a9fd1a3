import { Life } from "../base/abort.ts";
import { Semaphore } from "../base/semaphore.ts";
import { seconds } from "../base/units.ts";
import type { Container, Pod, PodStatus } from "../model/kubernetes.ts";
import { usesHostNetwork } from "../model/pod.ts";
import { podAddresses } from "../model/pod-addresses.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import type { Clock } from "../ports/clock.ts";
import type { Events } from "../ports/events.ts";
import type { ProbeNetwork } from "../ports/probing.ts";
import type { Random } from "../ports/random.ts";
import type { Runtime } from "../ports/runtime.ts";
import { answerEvent } from "./answer-event.ts";
import { type Answer, ask } from "./ask.ts";
import { type ProbeKind, probedContainersOf, probeOf } from "./kind.ts";
import { prober } from "./prober.ts";
import { firstAt } from "./timing.ts";

/** What the probes of one pod have found. A container without such a probe is ready, has started, is well. */
export interface ProbeVerdicts {
  /** Of a container that runs. */
  isReady(container: Container, id: string): boolean;
  hasStarted(container: Container, id: string): boolean;
  /** The probe for which the container has to be stopped. */
  failed(id: string): "liveness" | "startup" | undefined;
}

export interface ProbesDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly events: Events;
  readonly network: ProbeNetwork;
  readonly runtime: Pick<Runtime, "execSync">;
  /** Addresses of this node, the main one first: for pods on its network. */
  readonly nodeIps: () => readonly string[];
  /** What the API server shows of a pod from before this kubelet started. */
  readonly lastStatus: (pod: Pod) => PodStatus | undefined;
  /** A verdict on a container of this pod has changed. */
  readonly onChange: (uid: string) => void;
  /** For the metrics. */
  readonly onAnswer?: (pod: Pod, container: string, kind: ProbeKind, answer: Answer, took: number) => void;
  /** A probe ended by a bug: the process should end too. */
  readonly onBug: (error: unknown) => void;
}

/** What is told of a pod at each look at it. */
export interface Look {
  readonly uid: string;
  /** undefined for a pod that only the runtime knows. */
  readonly pod: Pod | undefined;
  readonly goal: "run" | "stop";
}

/** One running container with probes. */
interface Watched {
  readonly container: Container;
  readonly id: string;
  readonly sandboxId: string;
  /** Kinds that are being asked, or were. */
  readonly probers: Map<ProbeKind, AbortController>;
  readonly verdicts: Map<ProbeKind, boolean>;
  readonly adopted: boolean;
  readonly startedAt: number;
}

type SeenContainer = PodSnapshot["containers"][number];

interface PodProbes {
  pod: Pod;
  seen: PodSnapshot;
  /** Container id -> what is known of it. */
  readonly watched: Map<string, Watched>;
}

/** Commands in containers that run at once, all pods together: each makes several processes. */
const MAX_COMMANDS = 16;
/** A command that takes longer waits for something. It gives its place up, or a few that hang would hold up all others. */
const PLACE_FOR = seconds(5);

/** What of a container is known where nobody asks it. */
export const UNWATCHED: ProbeVerdicts = {
  isReady: ({ readinessProbe }) => readinessProbe === undefined,
  hasStarted: ({ startupProbe }) => startupProbe === undefined,
  failed: () => undefined,
};

/**
 * The probes of all pods: a prober for each probe of each running container, and what they have found by container id. A container
 * that is replaced begins anew. Asks no server but the containers, so it goes on whatever else is away.
 */
export class Probes {
  readonly #deps: ProbesDeps;
  readonly #signal: AbortSignal;
  readonly #bornAt: number;
  readonly #pods = new Map<string, PodProbes>();
  readonly #commands = new Semaphore(MAX_COMMANDS);

  constructor(deps: ProbesDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#signal = signal;
    this.#bornAt = deps.clock.wall().getTime();
  }

  /** Takes a look at a pod in: begins with containers that run now, ends with those that do not. To be called before the pod is planned. */
  follow({ uid, pod, goal }: Look, seen: PodSnapshot | undefined): ProbeVerdicts {
    const probed = pod && seen ? probedContainersOf(pod) : [];
    if (!pod || !seen || probed.length === 0) {
      this.forget(uid);
      return UNWATCHED;
    }
    const own = this.#pods.get(uid) ?? { pod, seen, watched: new Map<string, Watched>() };
    this.#pods.set(uid, own);
    own.pod = pod;
    own.seen = seen;
    const running = new Map(seen.containers.filter(({ state }) => state === "running").map((one) => [one.id, one]));
    for (const [id, watched] of own.watched) if (!running.has(id)) this.#end(own, watched);
    for (const container of probed) {
      for (const one of running.values()) {
        if (one.name !== container.name) continue;
        const watched = own.watched.get(one.id) ?? this.#begin(own, container, one);
        if (goal === "run") this.#start(uid, own, watched);
        else this.#quiet(watched);
      }
    }
    return this.verdicts(uid);
  }

  verdicts(uid: string): ProbeVerdicts {
    const own = this.#pods.get(uid);
    if (!own) return UNWATCHED;
    const verdict = (id: string, kind: ProbeKind) => own.watched.get(id)?.verdicts.get(kind);
    return {
      isReady: (container, id) => UNWATCHED.isReady(container, id) || verdict(id, "readiness") === true,
      hasStarted: (container, id) => UNWATCHED.hasStarted(container, id) || verdict(id, "startup") === true,
      failed: (id) => (["startup", "liveness"] as const).find((kind) => verdict(id, kind) === false),
    };
  }

  /** Nothing of the pod is left, or nothing of it has probes. */
  forget(uid: string): void {
    const own = this.#pods.get(uid);
    if (!own) return;
    for (const watched of own.watched.values()) this.#end(own, watched);
    this.#pods.delete(uid);
  }

  /** Running containers with probes. */
  get size(): number {
    return [...this.#pods.values()].reduce((sum, { watched }) => sum + watched.size, 0);
  }

  #begin(own: PodProbes, container: Container, { id, sandboxId, startedAt = 0 }: SeenContainer): Watched {
    const adopted = startedAt < this.#bornAt;
    const watched: Watched = { container, id, sandboxId, startedAt, adopted, probers: new Map(), verdicts: new Map() };
    own.watched.set(id, watched);
    // What was last said of this very container still holds: no restart of the kubelet takes a pod out of service.
    const last = this.#deps.lastStatus(own.pod);
    const told = [...(last?.initContainerStatuses ?? []), ...(last?.containerStatuses ?? [])].find(({ containerID }) =>
      containerID?.endsWith(`://${id}`),
    );
    if (told?.started && container.startupProbe) watched.verdicts.set("startup", true);
    if (told?.ready && container.readinessProbe) watched.verdicts.set("readiness", true);
    return watched;
  }

  /** Readiness and liveness wait until the container has started. */
  #start(uid: string, own: PodProbes, watched: Watched): void {
    const { container, id } = watched;
    if (!UNWATCHED.hasStarted(container, id) && watched.verdicts.get("startup") !== true) {
      this.#run(uid, own, watched, "startup");
      return;
    }
    this.#run(uid, own, watched, "readiness");
    this.#run(uid, own, watched, "liveness");
  }

  #run(uid: string, own: PodProbes, watched: Watched, kind: ProbeKind): void {
    const probe = probeOf(watched.container, kind);
    if (!probe || watched.probers.has(kind)) return;
    const { clock, random } = this.#deps;
    const verdict = watched.verdicts.get(kind);
    const beginning = firstAt({
      kind,
      probe,
      now: clock.monotonic(),
      runsFor: clock.wall().getTime() - watched.startedAt,
      adopted: watched.adopted && { known: verdict !== undefined },
      chance: random.fraction(),
    });
    const life = new Life(this.#signal);
    watched.probers.set(kind, life);
    const done = prober(
      { kind, probe, firstAt: beginning, verdict },
      {
        clock,
        ask: (signal) => this.#ask(own, watched, kind, signal),
        onAnswer: (answer, took) => {
          const event = answerEvent(own.pod, watched.container, kind, answer);
          if (event) this.#deps.events.record(event);
          this.#deps.onAnswer?.(own.pod, watched.container.name, kind, answer, took);
        },
        onVerdict: (changed) => {
          watched.verdicts.set(kind, changed);
          if (kind === "startup" && changed) this.#start(uid, own, watched);
          if (kind !== "liveness" || !changed) this.#deps.onChange(uid);
        },
      },
      life.signal,
    );
    done
      .catch((error: unknown) => {
        if (!life.signal.aborted) this.#deps.onBug(error);
      })
      .finally(() => life[Symbol.dispose]());
  }

  async #ask(own: PodProbes, watched: Watched, kind: ProbeKind, signal: AbortSignal): Promise<Answer> {
    const probe = probeOf(watched.container, kind) ?? {};
    const target = { container: watched.container, id: watched.id, address: this.#addressOf(own, watched) };
    if (!probe.exec) return ask(probe, target, this.#deps, signal);
    const place = await this.#commands.take(signal);
    const leaving = new AbortController();
    this.#deps.clock
      .sleep(PLACE_FOR, leaving.signal)
      .catch(() => {})
      .finally(() => place[Symbol.dispose]());
    try {
      return await ask(probe, target, this.#deps, signal);
    } finally {
      leaving.abort();
    }
  }

  /** The one that its status shows, of its own sandbox: there may be another, of a call that was thought lost. */
  #addressOf({ pod, seen }: PodProbes, { sandboxId }: Watched): string | undefined {
    const nodeIps = this.#deps.nodeIps();
    if (usesHostNetwork(pod)) return nodeIps[0];
    return podAddresses(seen.sandboxes.find(({ id }) => id === sandboxId)?.ips ?? [], nodeIps)[0];
  }

  /** The pod is to stop: nothing restarts it any more. Readiness goes on, for whoever still sends requests. */
  #quiet({ probers }: Watched): void {
    for (const kind of ["startup", "liveness"] as const) {
      const life = probers.get(kind) ?? new AbortController();
      life.abort();
      probers.set(kind, life);
    }
  }

  #end(own: PodProbes, { id, probers }: Watched): void {
    for (const life of probers.values()) life.abort();
    own.watched.delete(id);
  }
}
