import { messageOf } from "../base/fault.ts";
import { isInside } from "../base/inside.ts";
import type { Pod, PodStatus } from "../model/kubernetes.ts";
import { hasEndedPhase, isStatic, uidOf } from "../model/pod.ts";
import { qosClassOf } from "../model/pod-resources.ts";
import type { ContainerStatus, PodSnapshot } from "../model/runtime.ts";
import { timeText } from "../model/time.ts";
import type { Clock } from "../ports/clock.ts";
import type { Files } from "../ports/files.ts";
import type { ProbeVerdicts } from "../probes/index.ts";
import { computePodStatus, type Imposed } from "./compute.ts";
import {
  logMessage,
  MESSAGE_FILE_BYTES,
  MESSAGE_LOG,
  messageFileOf,
  terminationMessage,
} from "./termination-message.ts";

/** What a worker saw and wants to be known of its pod. */
export interface PodReport {
  readonly uid: string;
  readonly pod: Pod | undefined;
  readonly seen: PodSnapshot | undefined;
  readonly waiting: ReadonlyMap<string, { readonly reason: string; readonly message: string }>;
  readonly sandboxReason: string | undefined;
  readonly goal: "run" | "stop";
  readonly ended: boolean;
  /** Nothing of the pod runs, its volumes and cgroup are gone. */
  readonly released: boolean;
  readonly doing: string | undefined;
  /** Why the node itself ended the pod. */
  readonly imposed?: Omit<Imposed, "phase"> | undefined;
}

export interface Posted {
  readonly pod: Pod;
  readonly status: PodStatus;
  /** No container of it can be running. */
  readonly quiet: boolean;
  /** Nothing runs and nothing of the node is held any more: whoever deleted it may have it gone. */
  readonly released: boolean;
  /** What happens to the pod right now, in plain words. */
  readonly doing: string | undefined;
  /** Since when, ms since the epoch. */
  readonly doingSince: number;
}

export interface BoardDeps {
  readonly clock: Clock;
  readonly files: Pick<Files, "readTail">;
  readonly rootDir: string;
  readonly podLogsDir: string;
  readonly nodeIps: () => readonly string[];
  /** `containerd`: the scheme of container ids. */
  readonly runtimeName: () => string;
  /** Lines of a log file's end, as text without stamps. */
  readonly logTail: (file: Uint8Array, lines: number) => string;
  /** What the API server shows of a static pod from before this kubelet started. */
  readonly lastStatus?: ((pod: Pod) => PodStatus | undefined) | undefined;
  /** What probes found of the pod's containers. */
  readonly probes?: ((uid: string) => ProbeVerdicts) | undefined;
  /** Told of every status, changed or not. */
  readonly onPost?: ((posted: Posted) => void) | undefined;
}

/** Container id -> its last words; undefined while they are read. */
type Messages = ReadonlyMap<string, string | undefined>;

/** The API server knows its end, and the runtime has nothing that could tell more. */
const isOver = (pod: Pod, seen: PodSnapshot | undefined): boolean => hasEndedPhase(pod) && !seen?.containers.length;

/** Nothing of it runs, and its sandbox does not hold addresses and ports any more that its end, once told, gives to others. */
const isQuiet = ({ containers, sandboxes }: PodSnapshot): boolean =>
  !containers.some(({ state }) => state === "running" || state === "unknown") &&
  !sandboxes.some(({ state }) => state === "ready");

/** Nothing of the pod is on the node. */
const UNTOUCHED = {
  seen: undefined,
  waiting: new Map<string, never>(),
  sandboxReason: undefined,
  goal: "run",
  ended: false,
  released: false,
} as const;

/** The only writer of pod status: newest status by UID, computed when a worker reports. */
export class StatusBoard {
  readonly #deps: BoardDeps;
  readonly #posted = new Map<string, Posted>();
  /** UID -> the report that the status was computed from. */
  readonly #latest = new Map<string, PodReport>();
  /** By UID. Words are kept as long as their container is seen. */
  readonly #messages = new Map<string, Map<string, string | undefined>>();

  constructor(deps: BoardDeps) {
    this.#deps = deps;
  }

  all(): readonly Posted[] {
    return [...this.#posted.values()];
  }

  get(uid: string): Posted | undefined {
    return this.#posted.get(uid);
  }

  /**
   * Takes a report in. Last words of containers that just ended are read first: who sees the end looks for them at once, and takes them for none where
   * they are not there.
   */
  report(report: PodReport): void {
    const { uid, pod, seen } = report;
    if (!pod) return;
    const messages = this.#messages.get(uid) ?? new Map<string, string | undefined>();
    this.#messages.set(uid, messages);
    const ended = (seen?.containers ?? []).filter(({ state }) => state === "exited");
    const gone = [...messages.keys()].filter((id) => !ended.some((container) => container.id === id));
    // Its end without its words, rather than none at all: what comes next of the pod builds on what was told.
    if (gone.some((id) => messages.get(id) === undefined)) this.#showLatest(uid, messages);
    for (const id of gone) messages.delete(id);
    this.#latest.set(uid, report);
    const unread = ended.filter(({ id }) => !messages.has(id));
    if (unread.length > 0) void this.#read(uid, unread, messages);
    else this.#repost(uid, messages);
  }

  /** What is known of the pod beside what its worker reports has changed: its worker may be busy for long. */
  refresh(uid: string): void {
    const messages = this.#messages.get(uid);
    if (messages) this.#repost(uid, messages);
  }

  /** A pod that can't begin yet. */
  await(pod: Pod, doing: string): void {
    const report: PodReport = { ...UNTOUCHED, uid: uidOf(pod), pod, doing };
    this.#latest.set(report.uid, report);
    this.#post(report, pod, new Map());
  }

  /** A pod that was refused: it never gets a worker, and no container of it is told of. */
  reject(pod: Pod, reason: string, message: string): void {
    const now = this.#deps.clock.wall().getTime();
    const generation = pod.metadata?.generation;
    const status: PodStatus = {
      ...(generation ? { observedGeneration: generation } : {}),
      phase: "Failed",
      reason,
      message: `Pod was rejected: ${message}`,
      startTime: pod.status?.startTime ?? timeText(now),
      qosClass: pod.status?.qosClass ?? qosClassOf(pod),
    };
    this.#show({ pod, status, quiet: true, released: false, doing: undefined, doingSince: now });
  }

  forget(uid: string): void {
    this.#posted.delete(uid);
    this.#messages.delete(uid);
    this.#latest.delete(uid);
  }

  /** Shows what was reported last, unless last words are still read: whoever reads them shows it then. */
  #repost(uid: string, messages: Messages): void {
    if (![...messages.values()].includes(undefined)) this.#showLatest(uid, messages);
  }

  #showLatest(uid: string, messages: Messages): void {
    const latest = this.#latest.get(uid);
    if (!latest?.pod || this.#messages.get(uid) !== messages) return;
    const words = [...messages].flatMap(([id, text]) => (text === undefined ? [] : [[id, text] as const]));
    this.#post(latest, latest.pod, new Map(words));
  }

  #post(report: PodReport, pod: Pod, messages: ReadonlyMap<string, string>): void {
    const { uid, seen, doing, released } = report;
    const before = this.#posted.get(uid);
    const now = this.#deps.clock.wall();
    const doingSince = before && before.doing === doing ? before.doingSince : now.getTime();
    const previous = before?.status ?? this.#lastStatus(pod);
    const status = previous && isOver(pod, seen) ? previous : this.#compute(report, pod, previous, messages, now);
    const quiet = !seen || isQuiet(seen);
    this.#show({ pod, status, quiet, released, doing, doingSince });
  }

  /** A kubelet that starts goes on from what the API server shows: what it does not see any more it can't tell otherwise. */
  #lastStatus(pod: Pod): PodStatus | undefined {
    return isStatic(pod) ? this.#deps.lastStatus?.(pod) : pod.status;
  }

  #show(posted: Posted): void {
    this.#posted.set(uidOf(posted.pod), posted);
    this.#deps.onPost?.(posted);
  }

  #compute(
    { uid, seen, waiting, sandboxReason, goal, ended, released, imposed }: PodReport,
    pod: Pod,
    previous: PodStatus | undefined,
    messages: ReadonlyMap<string, string>,
    now: Date,
  ): PodStatus {
    return computePodStatus({
      pod,
      seen,
      previous,
      startFailures: waiting,
      sandboxReason,
      terminal: ended,
      goesOn: goal === "run" && !ended,
      terminationMessages: messages,
      hostIps: this.#deps.nodeIps(),
      runtimeName: this.#deps.runtimeName(),
      now,
      released,
      probes: this.#deps.probes?.(uid),
      imposed: imposed && { phase: "Failed", ...imposed },
    });
  }

  async #read(
    uid: string,
    containers: readonly ContainerStatus[],
    messages: Map<string, string | undefined>,
  ): Promise<void> {
    // At once, so that a report which comes meanwhile does not read them again.
    for (const { id } of containers) messages.set(id, undefined);
    for (const container of containers) messages.set(container.id, await this.#lastWords(uid, container));
    this.#repost(uid, messages);
  }

  async #lastWords(uid: string, container: ContainerStatus): Promise<string> {
    const { files, rootDir, podLogsDir, logTail } = this.#deps;
    const path = messageFileOf(container);
    // The runtime's word is not trusted further than our own directories.
    if (path === undefined || !isInside(`${rootDir}/pods/${uid}`, path)) return "";
    try {
      const bytes = await files.readTail(path, MESSAGE_FILE_BYTES);
      const found = terminationMessage(container, bytes ? { kind: "content", bytes } : { kind: "absent" });
      if (found.kind === "text") return found.text;
      if (!isInside(podLogsDir, container.logPath)) return "";
      const log = await files.readTail(container.logPath, 2 * MESSAGE_LOG.bytes + 80 * MESSAGE_LOG.lines);
      return log ? logMessage(logTail(log, MESSAGE_LOG.lines)) : "";
    } catch (error) {
      const unreadable = terminationMessage(container, { kind: "unreadable", path, why: messageOf(error) });
      return unreadable.kind === "text" ? unreadable.text : "";
    }
  }
}
