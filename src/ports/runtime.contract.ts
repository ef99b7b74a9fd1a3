import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { isFault } from "../base/fault.ts";
import { type Millis, millis } from "../base/units.ts";
import type { ContainerConfig, RuntimeEvent, SandboxConfig } from "../model/runtime.ts";
import type { Clock } from "./clock.ts";
import type { Images, Runtime } from "./runtime.ts";

/** One runtime to hold against the contract. Sandboxes that are left over are its own to remove. */
export interface RuntimeUnderTest {
  readonly runtime: Runtime;
  readonly images: Images;
  readonly clock: Clock;
  /** An image that is present, with commands that the runtime can run. */
  readonly image: string;
  /** Runs until it is told to stop, and ends at once then; one process that is not PID 1. */
  readonly forever: readonly string[];
  exitsWith(code: number): readonly string[];
  /** Prints `text` to standard output. */
  prints(text: string): readonly string[];
  readonly logDirectory: string;
  readonly cgroupParent: string;
  /** Where the runtime cannot do it (a simulation without processes). */
  readonly lacks?: readonly ("events" | "exec" | "logs" | "resources")[];
  close(): Promise<void>;
}

/** What every implementation of Runtime and Images must do. `open` is called once. */
export function runtimeContract(name: string, open: () => Promise<RuntimeUnderTest>): void {
  describe(`runtime contract: ${name}`, () => {
    const stop = new AbortController();
    const { signal } = stop;
    let under: RuntimeUnderTest;
    const seen: (RuntimeEvent | { readonly kind: "resync" } | { readonly kind: "lost" })[] = [];
    let reader: Promise<void>;
    before(async () => {
      under = await open();
      reader = readEvents(under.runtime, seen, signal);
      await until(under.clock, "the first resync or lost", () => seen.length > 0);
    });
    after(async () => {
      stop.abort();
      await reader;
      await under.close();
    });

    it("tells version and status", async () => {
      const version = await under.runtime.version(signal);
      assert.notEqual(version.name, "");
      assert.notEqual(version.version, "");
      assert.equal((await under.runtime.status(signal)).runtime.status, true);
      assert.ok([undefined, "cgroupfs", "systemd"].includes(await under.runtime.cgroupDriver(signal)));
    });

    it("finds an image by its name, and says undefined for one that is absent", async () => {
      const image = await under.images.imageStatus(under.image, signal);
      assert.ok(image && image.size > 0);
      assert.deepEqual(await under.images.imageStatus(image.id, signal), image);
      assert.ok((await under.images.listImages(signal)).some(({ id }) => id === image.id));
      assert.equal(await under.images.imageStatus("localhost/absent:1", signal), undefined);
    });

    it("tells what images take on disk", async () => {
      const [filesystem] = await under.images.imageFilesystems(signal);
      assert.notEqual(filesystem?.mountpoint ?? "", "");
    });

    it("removing an absent image is success", () => under.images.removeImage("localhost/absent:1", signal));

    it("runs a sandbox, tells of it by pod, stops and removes it twice", async () => {
      const { runtime } = under;
      const config = sandbox(under, "life");
      const id = await runtime.runSandbox(config, "", signal);
      const status = await runtime.sandboxStatus(id, signal);
      assert.equal(status.state, "ready");
      assert.deepEqual(status.metadata, config.metadata);
      assert.deepEqual({ ...status.labels }, config.labels);
      assert.deepEqual({ ...status.annotations }, config.annotations);
      assert.equal(status.network, "node");
      const age = under.clock.wall().getTime() - status.createdAt;
      assert.ok(age > -2000 && age < 120_000, `age of ${age} ms`);
      assert.deepEqual(ids(await runtime.listSandboxes(config.metadata.uid, signal)), [id]);
      assert.deepEqual(await runtime.listSandboxes("no-such-uid", signal), []);
      assert.ok(ids(await runtime.listSandboxes(undefined, signal)).includes(id));
      for (let turn = 0; turn < 2; turn++) await runtime.stopSandbox(id, signal);
      assert.equal((await runtime.sandboxStatus(id, signal)).state, "not-ready");
      for (let turn = 0; turn < 2; turn++) await runtime.removeSandbox(id, signal);
      await assert.rejects(runtime.sandboxStatus(id, signal), (error) => isFault(error, "runtime-not-found"));
      assert.deepEqual(await runtime.listSandboxes(config.metadata.uid, signal), []);
    });

    it("runs a container from created to running to exited, with an event for each step", async () => {
      await using pod = await startSandbox(under, "steps");
      const { runtime } = under;
      const config = container(under, pod.config.metadata.uid, "web", under.forever);
      const id = await runtime.createContainer(pod.id, config, pod.config, signal);
      assert.equal((await runtime.containerStatus(id, signal)).state, "created");
      await runtime.startContainer(id, signal);
      const running = await runtime.containerStatus(id, signal);
      assert.equal(running.state, "running");
      assert.equal(running.name, "web");
      assert.equal(running.attempt, 0);
      assert.deepEqual({ ...running.labels }, config.labels);
      assert.deepEqual({ ...running.annotations }, config.annotations);
      assert.ok(running.startedAt !== undefined && running.startedAt >= running.createdAt);
      assert.equal(running.finishedAt, undefined);
      const listed = await runtime.listContainers(pod.config.metadata.uid, signal);
      assert.deepEqual(
        listed.map(({ id, sandboxId, name, state }) => ({ id, sandboxId, name, state })),
        [{ id, sandboxId: pod.id, name: "web", state: "running" }],
      );
      await runtime.stopContainer(id, millis(10_000), signal);
      const exited = await runtime.containerStatus(id, signal);
      assert.equal(exited.state, "exited");
      assert.ok(
        exited.finishedAt !== undefined && exited.startedAt !== undefined && exited.finishedAt >= exited.startedAt,
      );
      await runtime.stopContainer(id, millis(10_000), signal);
      for (let turn = 0; turn < 2; turn++) await runtime.removeContainer(id, signal);
      await assert.rejects(runtime.containerStatus(id, signal), (error) => isFault(error, "runtime-not-found"));
      await expectEvents(under, seen, id, ["created", "started", "stopped", "deleted"]);
    });

    it("tells an exit that nobody asked for, with its code", async () => {
      await using pod = await startSandbox(under, "exit");
      const { runtime } = under;
      const id = await runtime.createContainer(
        pod.id,
        container(under, pod.config.metadata.uid, "job", under.exitsWith(7)),
        pod.config,
        signal,
      );
      await runtime.startContainer(id, signal);
      await expectEvents(under, seen, id, ["stopped"]);
      await until(
        under.clock,
        "state exited",
        async () => (await runtime.containerStatus(id, signal)).state === "exited",
      );
      const status = await runtime.containerStatus(id, signal);
      assert.equal(status.exitCode, 7);
      assert.equal(status.reason, "Error");
    });

    it("runs a command in a container and gives its output and exit code", async (t) => {
      if (under.lacks?.includes("exec")) return t.skip("no exec here");
      await using pod = await startSandbox(under, "exec");
      const { runtime } = under;
      const id = await runtime.createContainer(
        pod.id,
        container(under, pod.config.metadata.uid, "web", under.forever),
        pod.config,
        signal,
      );
      await runtime.startContainer(id, signal);
      const said = await runtime.execSync(id, under.prints("hello"), millis(10_000), signal);
      assert.equal(Buffer.from(said.stdout).toString().trim(), "hello");
      assert.equal(said.exitCode, 0);
      assert.equal((await runtime.execSync(id, under.exitsWith(3), millis(0), signal)).exitCode, 3);
      await assert.rejects(runtime.execSync(id, under.forever, millis(1000), signal), (error) =>
        isFault(error, "runtime-timeout"),
      );
      assert.ok(
        !seen.some((event) => event.kind === "stopped" && event.id === id),
        "an exec's end is no container's end",
      );
    });

    it("changes a running container's resources", async (t) => {
      if (under.lacks?.includes("resources")) return t.skip("no resources here");
      await using pod = await startSandbox(under, "resize");
      const { runtime } = under;
      const id = await runtime.createContainer(
        pod.id,
        container(under, pod.config.metadata.uid, "web", under.forever),
        pod.config,
        signal,
      );
      await runtime.startContainer(id, signal);
      await runtime.updateContainerResources(id, { cpuShares: 512, memoryLimitBytes: 64 * 1024 * 1024 }, signal);
      const { resources } = await runtime.containerStatus(id, signal);
      if (resources) assert.equal(resources.cpuShares, 512);
    });

    it("reopens the log of a running container", async (t) => {
      if (under.lacks?.includes("logs")) return t.skip("no logs here");
      await using pod = await startSandbox(under, "log");
      const { runtime } = under;
      const id = await runtime.createContainer(
        pod.id,
        container(under, pod.config.metadata.uid, "web", under.forever),
        pod.config,
        signal,
      );
      await runtime.startContainer(id, signal);
      await runtime.reopenContainerLog(id, signal);
    });

    it("says not-found for what it does not know, and takes stop and remove of it as done", async () => {
      const { runtime } = under;
      const id = "f".repeat(64);
      await assert.rejects(runtime.containerStatus(id, signal), (error) => isFault(error, "runtime-not-found"));
      await assert.rejects(runtime.sandboxStatus(id, signal), (error) => isFault(error, "runtime-not-found"));
      await assert.rejects(runtime.startContainer(id, signal), (error) => isFault(error, "runtime-not-found"));
      await runtime.stopContainer(id, millis(0), signal);
      await runtime.removeContainer(id, signal);
      await runtime.stopSandbox(id, signal);
      await runtime.removeSandbox(id, signal);
    });

    it("refuses a container of an image that is absent", async () => {
      await using pod = await startSandbox(under, "no-image");
      const config = {
        ...container(under, pod.config.metadata.uid, "web", under.forever),
        image: "localhost/absent:1",
      };
      await assert.rejects(
        under.runtime.createContainer(pod.id, config, pod.config, signal),
        /Cannot create container "web": /,
      );
    });

    it("rejects with the signal's reason when aborted before and during a call", async () => {
      const { runtime } = under;
      const reason = new Error("not needed any more");
      await assert.rejects(runtime.version(AbortSignal.abort(reason)), reason);
      const abort = new AbortController();
      const call = runtime.listContainers(undefined, abort.signal);
      abort.abort(reason);
      await assert.rejects(call, reason);
    });
  });
}

async function readEvents(runtime: Runtime, into: unknown[], signal: AbortSignal): Promise<void> {
  try {
    for await (const event of runtime.events(signal)) into.push(event);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Waits until each kind was told of `id`; a runtime without events must have said so instead. */
async function expectEvents(
  under: RuntimeUnderTest,
  seen: readonly (RuntimeEvent | { readonly kind: "resync" | "lost" })[],
  id: string,
  kinds: readonly RuntimeEvent["kind"][],
): Promise<void> {
  const has = (kind: string) => seen.some((event) => event.kind === kind && "id" in event && event.id === id);
  if (under.lacks?.includes("events")) assert.equal(seen.at(-1)?.kind, "lost");
  else await until(under.clock, `events ${kinds.join(", ")}`, () => kinds.every(has));
}

async function until(clock: Clock, what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const patience: Millis = millis(20_000);
  const end = clock.monotonic() + patience;
  while (!(await holds())) {
    if (clock.monotonic() > end) assert.fail(`waited ${patience / 1000} s for ${what}`);
    await clock.sleep(millis(10), new AbortController().signal);
  }
}

async function startSandbox(under: RuntimeUnderTest, name: string) {
  const { signal } = new AbortController();
  const config = sandbox(under, name);
  const id = await under.runtime.runSandbox(config, "", signal);
  return {
    id,
    config,
    async [Symbol.asyncDispose]() {
      await under.runtime.stopSandbox(id, signal);
      await under.runtime.removeSandbox(id, signal);
    },
  };
}

function sandbox(under: RuntimeUnderTest, name: string): SandboxConfig {
  const uid = `contract-${name}`;
  return {
    metadata: { name, namespace: "default", uid, attempt: 1 },
    hostname: "",
    logDirectory: `${under.logDirectory}/${uid}`,
    dns: { servers: ["127.0.0.1"], searches: [], options: [] },
    portMappings: [],
    labels: { "io.kubernetes.pod.uid": uid, "io.kubernetes.pod.name": name },
    annotations: { note: "ünïcode" },
    cgroupParent: under.cgroupParent,
    sysctls: {},
    overhead: undefined,
    resources: undefined,
    security: {
      namespaces: { network: "node", pid: "pod", ipc: "pod" },
      privileged: false,
      supplementalGroups: [],
      supplementalGroupsPolicy: "Merge",
      readonlyRootfs: false,
      seccomp: { kind: "unconfined" },
    },
  };
}

function container(under: RuntimeUnderTest, podUid: string, name: string, command: readonly string[]): ContainerConfig {
  return {
    name,
    attempt: 0,
    image: under.image,
    userSpecifiedImage: under.image,
    command,
    args: [],
    workingDir: "",
    envs: [{ key: "GREETING", value: "grüezi" }],
    mounts: [],
    devices: [],
    labels: { "io.kubernetes.container.name": name, "io.kubernetes.pod.uid": podUid },
    annotations: { "io.kubernetes.container.restartCount": "0" },
    logPath: `${name}/0.log`,
    stdin: false,
    stdinOnce: false,
    tty: false,
    resources: { cpuShares: 2, oomScoreAdj: 500 },
    security: {
      namespaces: { network: "node", pid: "pod", ipc: "pod" },
      privileged: false,
      supplementalGroups: [],
      supplementalGroupsPolicy: "Merge",
      readonlyRootfs: false,
      noNewPrivs: false,
      capabilitiesAdd: [],
      capabilitiesDrop: [],
      maskedPaths: [],
      readonlyPaths: [],
      seccomp: { kind: "unconfined" },
    },
  };
}

const ids = (items: readonly { readonly id: string }[]): readonly string[] => items.map(({ id }) => id);
