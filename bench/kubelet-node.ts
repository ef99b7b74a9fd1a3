/** A kubelet under measurement: its process, and the folder of its static pods. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../scripts/lib/free-port.ts";
import { stopChild } from "../scripts/lib/run.ts";
import { type KubeletPlace, kubeletConfig, kubeletFlags, manifest, manifestsOf } from "./kubelet-config.ts";
import { COMMAND, IMAGE, type Lane } from "./lane.ts";
import { isStart } from "./runtime-watch.ts";

const HEALTHY_WITHIN = 60_000;

export class KubeletNode {
  readonly lane: Lane;
  readonly #program: string;
  readonly #place: KubeletPlace;
  readonly #config: string;
  readonly #env: NodeJS.ProcessEnv;
  #child: ChildProcess | undefined;
  #pods = 0;

  private constructor(lane: Lane, program: string, place: KubeletPlace, env: NodeJS.ProcessEnv) {
    this.lane = lane;
    this.#program = program;
    this.#place = place;
    this.#env = env;
    this.#config = join(lane.folder, "kubelet.yaml");
    mkdirSync(manifestsOf(place), { recursive: true });
    // JSON is YAML.
    writeFileSync(this.#config, JSON.stringify(kubeletConfig(place), undefined, 2));
  }

  /** `env` is what the process gets beside ours. */
  static async make(lane: Lane, program: string, env: NodeJS.ProcessEnv = {}): Promise<KubeletNode> {
    const { folder, cgroupRoot, containerd } = lane;
    const [port, healthzPort] = [await freePort(), await freePort()];
    const place = { folder, cgroupRoot, endpoint: containerd.endpoint, port, healthzPort };
    return new KubeletNode(lane, program, place, env);
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`the ${this.lane.who} kubelet does not run`);
    return pid;
  }

  /** Starts the process and nothing more. Returns the wall clock just before. */
  spawn(): number {
    const log = openSync(join(this.lane.folder, "kubelet.log"), "a");
    const before = Date.now();
    this.#child = spawn(this.#program, [...kubeletFlags(this.#place, this.#config)], {
      stdio: ["ignore", log, log],
      env: { ...process.env, ...this.#env },
    });
    closeSync(log);
    return before;
  }

  /** Milliseconds from just before the process was made to the first "ok". */
  async startUntilHealthy(): Promise<number> {
    const before = performance.now();
    this.spawn();
    for (;;) {
      if (await this.#healthy()) return performance.now() - before;
      if (this.#child?.exitCode !== null) throw new Error(`the ${this.lane.who} kubelet ended:\n${this.logTail()}`);
      if (performance.now() - before > HEALTHY_WITHIN)
        throw new Error(`the ${this.lane.who} kubelet is not healthy after ${HEALTHY_WITHIN} ms:\n${this.logTail()}`);
      // A refused connection costs a tenth of a millisecond; a longer pause would be a step in the figures.
      await sleep(1);
    }
  }

  /** Runs, healthy, and has run a pod: what is done once at the first pod is done. */
  async ready(): Promise<void> {
    if (this.#child !== undefined) return;
    await this.startUntilHealthy();
    await this.addPod();
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child !== undefined) await stopChild(child);
  }

  /** Writes a manifest beside the folder and renames it into place. Returns the wall clock just before the rename. */
  placePod(): number {
    return this.placePods(1);
  }

  placePods(count: number): number {
    const names = Array.from({ length: count }, () => `p${this.#pods++}`);
    const aside = (name: string) => join(this.lane.folder, `${name}.json`);
    for (const name of names) writeFileSync(aside(name), manifest(name, IMAGE, COMMAND));
    const before = Date.now();
    for (const name of names) renameSync(aside(name), join(manifestsOf(this.#place), `${name}.json`));
    return before;
  }

  /** One more pod. Resolves when it has started, with the milliseconds from the rename of its manifest. */
  async addPod(): Promise<number> {
    const started = this.lane.watch.next(`a container of ${this.lane.who}`, isStart);
    const before = this.placePod();
    return (await started.catch((error) => this.#explain(error))).at - before;
  }

  /** So many more pods at once: milliseconds until the last one has started. */
  async addPods(count: number): Promise<number> {
    const started = this.lane.watch.some(`${count} containers of ${this.lane.who}`, count, isStart, 240_000);
    const before = this.placePods(count);
    const events = await started.catch((error) => this.#explain(error));
    return Math.max(...events.map(({ at }) => at)) - before;
  }

  /** Pods in the manifest folder. */
  get wanted(): number {
    return readdirSync(manifestsOf(this.#place)).length;
  }

  /** Removes every pod and waits until all of them have ended. */
  async clear(): Promise<void> {
    const folder = manifestsOf(this.#place);
    for (const name of readdirSync(folder)) rmSync(join(folder, name));
    await this.lane.quiet().catch((error) => this.#explain(error));
  }

  logTail(): string {
    const file = join(this.lane.folder, "kubelet.log");
    return existsSync(file) ? readFileSync(file, "utf8").slice(-3000) : "";
  }

  #explain(error: unknown): never {
    throw new Error(`${error instanceof Error ? error.message : error}\nend of its log:\n${this.logTail()}`, {
      cause: error,
    });
  }

  async #healthy(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const request = get(
      { host: "127.0.0.1", port: this.#place.healthzPort, path: "/healthz", agent: false },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      },
    );
    request.on("error", () => resolve(false));
    const answer = await promise;
    await nextTurn();
    return answer;
  }
}
