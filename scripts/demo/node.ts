/** A standalone kubelet as a child process, and what it tells over its local socket. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { createLocalClient } from "../../src/adapters/http/index.ts";
import { detectHost } from "../../src/adapters/linux/index.ts";
import type { Pod } from "../../src/model/kubernetes.ts";
import type { LocalAnswers, RejectedManifest } from "../../src/node/index.ts";
import { run, stopChild } from "../lib/run.ts";
import type { Place } from "./place.ts";

export const NODE_NAME = "demo";
const TIMEOUT_MS = 10_000;

export class DemoNode {
  readonly #place: Place;
  readonly #launcher: string;
  #child: ChildProcess | undefined;

  /** `launcher` is the built program: one executable. */
  constructor(place: Place, launcher: string) {
    this.#place = place;
    this.#launcher = launcher;
    writeFileSync(place.config, configFile(place));
  }

  /** Starts the kubelet, in a process group of its own: a terminal's ^C stops the demo, which stops the kubelet when its pods are gone. */
  start(): void {
    const { root, config, log } = this.#place;
    const output = openSync(log, "a");
    const args = [`--root-dir=${root}`, `--config=${config}`, `--hostname-override=${NODE_NAME}`];
    this.#child = spawn(this.#launcher, args, {
      stdio: ["ignore", output, output],
      detached: true,
    });
    closeSync(output);
  }

  /** Why the kubelet does not run, or undefined when it does. */
  get ended(): string | undefined {
    const child = this.#child;
    if (child === undefined) return "it was not started";
    if (child.exitCode === null && child.signalCode === null) return undefined;
    return `it ended with ${child.signalCode ?? `exit code ${child.exitCode}`}`;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** As the kernel does when memory is short: without a word. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || this.ended !== undefined) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  async stop(): Promise<void> {
    if (this.#child) await stopChild(this.#child);
  }

  /** Puts a manifest into the folder as one should: whole, by a rename. */
  put(name: string, content: string): void {
    const unfinished = join(this.#place.folder, `.${name}`);
    writeFileSync(unfinished, content);
    renameSync(unfinished, join(this.#place.manifests, name));
  }

  remove(name: string): void {
    rmSync(join(this.#place.manifests, name), { force: true });
  }

  /** Takes every manifest away. */
  removeAll(): void {
    for (const name of readdirSync(this.#place.manifests)) this.remove(name);
  }

  /** The last lines of the kubelet's log. */
  logTail(lines = 25): string {
    return readFileSync(this.#place.log, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
  }

  async pods(): Promise<{ readonly items: readonly Pod[]; readonly rejected: readonly RejectedManifest[] }> {
    const { items, rejectedManifests = [] } = (await this.#get("/pods")) as {
      items: Pod[];
      rejectedManifests?: RejectedManifest[];
    };
    return { items, rejected: rejectedManifests };
  }

  /** What the runtime says, past whatever the kubelet remembers. */
  async runningPods(): Promise<readonly Pod[]> {
    return ((await this.#get("/runningpods/")) as { items: Pod[] }).items;
  }

  async events(): Promise<LocalAnswers["events"]> {
    return (await this.#get("/local/events")) as LocalAnswers["events"];
  }

  /** Runs one of the kubelet's verbs as a person would. */
  async verb(...words: readonly string[]): Promise<string> {
    return await run(this.#launcher, words, { env: { KUBELET_ROOT: this.#place.root }, timeout: TIMEOUT_MS });
  }

  async #get(path: string): Promise<unknown> {
    const client = createLocalClient(join(this.#place.root, "kubelet.sock"));
    const { status, body } = await client.get(path, AbortSignal.timeout(TIMEOUT_MS));
    const answer = await text(body);
    if (status !== 200) throw new Error(`the kubelet answered ${status} to ${path}: ${answer}`);
    return JSON.parse(answer);
  }
}

/** Sends pulls of docker.io to our registry, and nowhere else when it does not have the image. */
export function useMirror({ root }: Place, address: string): void {
  const folder = join(root, "runtime/certs.d/docker.io");
  mkdirSync(folder, { recursive: true });
  const host = `http://${address}`;
  writeFileSync(
    join(folder, "hosts.toml"),
    `server = "${host}"\n[host."${host}"]\n  capabilities = ["pull", "resolve"]\n`,
  );
}

function configFile({ manifests, cgroup }: Place): string {
  const settings = {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    containerRuntimeEndpoint: "embedded",
    staticPodPath: manifests,
    // The demo's own group, so that it touches nothing of this machine's and leaves nothing behind.
    cgroupDriver: "cgroupfs",
    cgroupRoot: cgroup,
    enforceNodeAllocatable: [],
    oomScoreAdj: 0,
    failSwapOn: false,
    ...(detectHost().cgroupVersion === 1 ? { failCgroupV1: false } : {}),
  };
  return `${JSON.stringify(settings, undefined, 2)}\n`;
}
