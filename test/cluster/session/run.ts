/** Plays the cases of a session on a cluster, all but the first side by side, and writes down what a user sees of each. */
import type { AnyObject, ApiClient } from "../../../scripts/lib/cluster/api-client.ts";
import type { Finished } from "../../../scripts/lib/run.ts";
import { waitFor } from "../../../scripts/lib/wait.ts";
import { Semaphore } from "../../../src/base/semaphore.ts";
import type { Pod } from "../../../src/model/kubernetes.ts";
import { STAY, shellPod } from "../../support/kubelet.ts";
import { type Case, ready, SESSION_NODE, STARTED } from "./case.ts";
import { eventLines, normalised, statusLines } from "./normalise.ts";

export interface Keyboard {
  readonly api: ApiClient;
  readonly kubectl: (args: readonly string[], input?: string) => Promise<Finished>;
}

const NAMESPACE = "session";
const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;
const EVENTS = `/api/v1/namespaces/${NAMESPACE}/events`;
/** Cases side by side: with more of them a small machine takes too long to start each. */
const AT_ONCE = 12;
const PATIENCE_MS = 120_000;
const LAST = "the-last";

/** What was seen, by case: lines without what differs between any two runs. */
export async function playSession(
  keyboard: Keyboard,
  cases: Readonly<Record<string, Case>>,
): Promise<ReadonlyMap<string, string>> {
  const { api } = keyboard;
  await api.create("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
  // What every pod mounts, or there were events of it.
  for (const given of ["serviceaccounts/default", "configmaps/kube-root-ca.crt"])
    await waitFor(given, () => api.find(`/api/v1/namespaces/${NAMESPACE}/${given}`), { timeout: PATIENCE_MS });
  const watcher = new Watcher(api);
  await watcher.start();
  const play = async ([name, one]: readonly [string, Case]): Promise<readonly [string, Played]> => [
    name,
    await playCase(keyboard, watcher, name, one).catch((error: unknown) => ({ lines: [`NOT SEEN: ${error}`] })),
  ];
  try {
    const [first, ...others] = Object.entries(cases);
    if (first === undefined) return new Map();
    const limit = new Semaphore(AT_ONCE);
    const { signal } = new AbortController();
    const inTurn = async (one: (typeof others)[number]) => {
      using _turn = await limit.take(signal);
      return await play(one);
    };
    const played = [await play(first), ...(await Promise.all(others.map(inTurn)))];
    // Events may come late, but in turn: those of a pod made now are the last.
    await playCase(keyboard, watcher, LAST, { pod: shellPod(LAST, STAY), shows: ready, events: STARTED });
    return new Map(
      played.map(([name, { lines, shown = {} }]) => {
        const { blurred } = cases[name] ?? {};
        return [name, normalised([...lines, ...eventLines(watcher.events(name))].join("\n"), shown, blurred)];
      }),
    );
  } finally {
    await watcher.stop();
  }
}

interface Played {
  readonly lines: readonly string[];
  readonly shown?: Pod;
}

async function playCase(keyboard: Keyboard, watcher: Watcher, name: string, one: Case): Promise<Played> {
  const { api, kubectl } = keyboard;
  const ask = async (words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await kubectl(["-n", NAMESPACE, ...words]);
    const said = `${stdout}${stderr}`.trimEnd();
    return `$ kubectl ${words.join(" ")}\n${said}${code === 0 ? "" : `\n(exit code ${code})`}`;
  };
  for (const object of one.objects ?? []) {
    const { kind = "" }: AnyObject = object;
    await api.create(`/api/v1/namespaces/${NAMESPACE}/${kind.toLowerCase()}s`, object);
  }
  const { spec, ...rest } = one.pod;
  await api.create(PODS, { ...rest, spec: { ...spec, nodeName: SESSION_NODE } });
  const said: string[] = [];
  let shown = await watcher.until(name, one.shows);
  if (one.after === undefined) await watcher.untilEvents(name, one.events);
  for (const words of one.orders ?? []) said.push(await ask(words));
  if (one.after !== undefined) {
    shown = await watcher.until(name, one.after);
    await watcher.untilEvents(name, one.events);
  }
  for (const words of one.asks ?? []) said.push(await ask(words));
  return { lines: [...said, ...statusLines(shown)], shown };
}

/** Keeps the latest state of every pod and event of the namespace. */
class Watcher {
  readonly #api: ApiClient;
  readonly #ended = new AbortController();
  readonly #pods = new Map<string, Pod>();
  readonly #gone = new Set<string>();
  readonly #events = new Map<string, AnyObject>();
  /** Whom to tell of a new state. */
  readonly #waiting = new Set<() => void>();
  #watching: Promise<unknown> | undefined;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  async start(): Promise<void> {
    const from = async (path: string): Promise<string> => (await this.#api.get(path)).metadata.resourceVersion;
    const [pods, events] = await Promise.all([from(PODS), from(EVENTS)]);
    const onPod = (pod: Pod, type: string) => {
      const name = pod.metadata?.name ?? "";
      this.#pods.set(name, pod);
      if (type === "DELETED") this.#gone.add(name);
    };
    const onEvent = (event: AnyObject) => void this.#events.set(event.metadata.name, event);
    this.#watching = Promise.all([this.#follow(PODS, pods, onPod), this.#follow(EVENTS, events, onEvent)]);
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#watching;
  }

  events(name: string): readonly AnyObject[] {
    return [...this.#events.values()].filter(({ involvedObject }) => involvedObject.name === name);
  }

  /** The first state that is as wanted. */
  async until(name: string, wanted: Case["shows"]): Promise<Pod> {
    return await this.#wait(`pod ${name}: ${wanted}`, () => {
      const pod = this.#pods.get(name);
      return pod !== undefined && wanted(this.#gone.has(name) ? undefined : pod) ? pod : undefined;
    });
  }

  async untilEvents(name: string, reasons: readonly string[]): Promise<void> {
    await this.#wait(`events ${reasons.join(", ")} of pod ${name}`, () => {
      const told = new Set(this.events(name).map(({ reason }) => reason));
      return reasons.every((reason) => told.has(reason)) || undefined;
    });
  }

  async #wait<T>(what: string, look: () => T | undefined): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const onNews = () => {
      const found = look();
      if (found !== undefined) resolve(found);
    };
    const late = setTimeout(() => reject(new Error(`waited ${PATIENCE_MS / 1000} s for ${what}`)), PATIENCE_MS);
    this.#waiting.add(onNews);
    onNews();
    try {
      return await promise;
    } finally {
      clearTimeout(late);
      this.#waiting.delete(onNews);
    }
  }

  async #follow<T>(path: string, version: string, take: (object: T, type: string) => void): Promise<void> {
    const { signal } = this.#ended;
    try {
      for await (const { object, type } of this.#api.watch<T>(path, version, signal)) {
        take(object, type);
        for (const look of this.#waiting) look();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
