/** The CRI client against a server that misbehaves on demand. Needs no root: a socket in a folder of its own is all. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import { type Cri, type CriOptions, connectCri } from "../../src/adapters/cri/index.ts";
import { createClock, createRandom } from "../../src/adapters/linux/index.ts";
import { isFault, KubeletError } from "../../src/base/fault.ts";
import { silentLog } from "../../src/base/log.ts";
import { millis, seconds } from "../../src/base/units.ts";
import type { SandboxConfig } from "../../src/model/runtime.ts";
import { runtimeContract } from "../../src/ports/runtime.contract.ts";
import { FAKE_IMAGE, FakeCri, type Quirks } from "../support/fake-cri.ts";
import { Scratch } from "../support/scratch.ts";

const clock = createClock();
const { signal } = new AbortController();

for (const [name, quirks] of [
  ["fake server", {}],
  ["fake server like CRI-O", { eventsEndAtOnce: true, bareImageIds: true, missing: ["RuntimeConfig"] }],
  [
    "fake server like cri-dockerd",
    { unknownInsteadOfNotFound: true, missing: ["GetContainerEvents", "RuntimeConfig"] },
  ],
] as const satisfies readonly (readonly [string, Quirks])[]) {
  runtimeContract(name, async () => {
    const started = await start(quirks);
    return {
      ...started.cri,
      clock,
      image: FAKE_IMAGE,
      forever: ["forever"],
      exitsWith: (code) => ["exit", String(code)],
      prints: (text) => ["print", text],
      logDirectory: "/none",
      cgroupParent: "/none",
      lacks: name === "fake server" ? [] : ["events"],
      close: async () => started[Symbol.asyncDispose](),
    };
  });
}

describe("connectCri()", () => {
  it("sends localhost as authority", async () => {
    await using started = await start({});
    await started.cri.runtime.version(signal);
    assert.deepEqual([...started.fake.authorities], ["localhost"]);
  });

  it("check() asks Version in both forms, then ImageFsInfo, then RuntimeConfig", async () => {
    await using started = await start({});
    assert.deepEqual(await started.cri.check(signal), {
      version: { name: "fake", version: "1.0", apiVersion: "v1" },
      cgroupDriver: "cgroupfs",
    });
    assert.deepEqual(started.fake.calls, ["Version", "Version", "ImageFsInfo", "RuntimeConfig"]);
  });

  it("check() refuses another CRI version", async () => {
    await using started = await start({ answers: { Version: (answer) => ({ ...answer, version: "0.2.0" }) } });
    await assert.rejects(started.cri.check(signal), /CRI version "0\.2\.0", need 0\.1\.0/);
  });

  it("says where no runtime listens, at once, and works when one comes", async () => {
    await using scratch = new Scratch("cri-late");
    const socket = scratch.path("cri.sock");
    const cri = connect({ endpoint: `unix://${socket}` });
    await assert.rejects(cri.runtime.version(signal), (error) => {
      assert.ok(isFault(error, "runtime-unavailable"));
      assert.equal(error.fault.endpoint, `unix://${socket}`);
      assert.match(error.message, /^Cannot read version of container runtime: .*ENOENT/);
      return true;
    });
    const fake = new FakeCri();
    await fake.listen(socket);
    await eventually(async () => (await cri.runtime.version(signal)).name === "fake");
    cri.close();
    fake.kill();
  });

  it("remembers what a runtime does not have, until the runtime goes away", async () => {
    await using started = await start({ missing: ["RuntimeConfig"] });
    for (let turn = 0; turn < 3; turn++) assert.equal(await started.cri.runtime.cgroupDriver(signal), undefined);
    assert.deepEqual(started.fake.calls, ["RuntimeConfig"]);
    started.fake.kill();
    await assert.rejects(started.cri.runtime.version(signal), (error) => isFault(error, "runtime-unavailable"));
    const next = new FakeCri();
    await next.listen(started.socket);
    await eventually(async () => (await started.cri.runtime.cgroupDriver(signal)) === "cgroupfs");
    next.kill();
  });

  const FAULTS = [
    ["Unavailable", status.UNAVAILABLE, "runtime-unavailable"],
    ["DeadlineExceeded", status.DEADLINE_EXCEEDED, "runtime-timeout"],
    ["NotFound", status.NOT_FOUND, "runtime-not-found"],
    ["ResourceExhausted", status.RESOURCE_EXHAUSTED, "runtime-refused"],
    ["Unknown", status.UNKNOWN, "runtime-refused"],
  ] as const;
  for (const [name, code, fault] of FAULTS) {
    it(`turns ${name} into ${fault} with the runtime's text`, async () => {
      await using started = await start({ failing: { StartContainer: { code, details: "no space left" } } });
      await assert.rejects(started.cri.runtime.startContainer("abc", signal), (error) => {
        assert.ok(error instanceof KubeletError);
        assert.equal(error.fault.code, fault);
        assert.match(error.message, /^Cannot start container abc: .*no space left$/);
        if (error.fault.code === "runtime-refused")
          assert.deepEqual([error.fault.status, error.fault.text], [name, "no space left"]);
        return true;
      });
    });
  }

  it("gives up a slow call at its deadline", async () => {
    await using started = await start({ slow: { Status: 2000 } }, { requestTimeout: millis(100) });
    await assert.rejects(started.cri.runtime.status(signal), (error) => isFault(error, "runtime-timeout"));
  });

  it("gives RunPodSandbox twice the time", async () => {
    await using started = await start({}, { requestTimeout: seconds(100) });
    await started.cri.runtime.runSandbox(SANDBOX, "", signal);
    await started.cri.runtime.status(signal);
    // Of what it was given when it was sent, a call has a little less when it comes.
    const [twice = 0, once = 0] = ["RunPodSandbox", "Status"].map((call) => started.fake.timeLeft.get(call));
    assert.ok(once <= 100_000 && twice > 100_000 && twice <= 200_000, `${once} ms, ${twice} ms`);
  });

  it("gives up a pull only when told, with the signal's reason", async () => {
    await using started = await start({ slow: { PullImage: 400 } }, { requestTimeout: millis(100) });
    assert.match(await started.cri.images.pullImage(FAKE_IMAGE, undefined, undefined, signal), /^sha256:/);
    const reason = new Error("pod is gone");
    const abort = new AbortController();
    const pull = started.cri.images.pullImage(FAKE_IMAGE, undefined, undefined, abort.signal);
    await clock.sleep(millis(50), signal);
    abort.abort(reason);
    await assert.rejects(pull, reason);
  });

  it("refuses an answer above 16 MiB and goes on", async () => {
    const huge = () => ({ containers: [{ id: "x", metadata: { name: "x".repeat(17 * 1024 * 1024) } }] });
    await using started = await start({ answers: { ListContainers: huge } });
    await assert.rejects(started.cri.runtime.listContainers(undefined, signal), (error) =>
      isFault(error, "runtime-refused"),
    );
    await started.cri.runtime.version(signal);
  });

  const BAD_ANSWERS: readonly (readonly [
    string,
    string,
    (answer: object) => object,
    (cri: Cri) => Promise<unknown>,
  ])[] = [
    ["a sandbox without id", "RunPodSandbox", () => ({}), ({ runtime }) => runtime.runSandbox(SANDBOX, "", signal)],
    [
      "a version without runtime name",
      "Version",
      (a) => ({ ...a, runtimeName: "" }),
      ({ runtime }) => runtime.version(signal),
    ],
    [
      "a status with one condition",
      "Status",
      () => ({ status: { conditions: [{ type: "RuntimeReady" }] } }),
      ({ runtime }) => runtime.status(signal),
    ],
    [
      "an unknown cgroup driver",
      "RuntimeConfig",
      () => ({ linux: { cgroupDriver: 9 } }),
      ({ runtime }) => runtime.cgroupDriver(signal),
    ],
    [
      "an image without size",
      "ImageStatus",
      () => ({ image: { id: "x" } }),
      ({ images }) => images.imageStatus("x", signal),
    ],
    [
      "a pull without reference",
      "PullImage",
      () => ({}),
      ({ images }) => images.pullImage("x", undefined, undefined, signal),
    ],
  ];
  for (const [name, call, answer, act] of BAD_ANSWERS) {
    it(`refuses ${name}`, async () => {
      await using started = await start({ answers: { [call]: answer } });
      await assert.rejects(
        act(started.cri),
        (error) => isFault(error, "runtime-refused") && error.fault.status === "InvalidAnswer",
      );
    });
  }

  it("holds heavy calls back, not the light ones", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const held = { RunPodSandbox: promise, Version: promise };
    await using started = await start({ held }, { cores: 2, requestTimeout: seconds(120) });
    const { fake, cri } = started;
    const heavy = Array.from({ length: 20 }, () => cri.runtime.runSandbox(SANDBOX, "", signal));
    await eventually(() => fake.active("RunPodSandbox") === 8);
    const light = Array.from({ length: 20 }, () => cri.runtime.version(signal));
    await eventually(() => fake.active("Version") === 20);
    // More heavy ones would have come before the light ones.
    assert.equal(fake.active("RunPodSandbox"), 8);
    resolve();
    await Promise.all([...heavy, ...light]);
    const most = fake.peak.get("RunPodSandbox") ?? 0;
    assert.ok(most <= 11, `${most} sandboxes at once`);
  });

  it("events() says lost when the runtime goes away and resync when it is back", async () => {
    await using started = await start({});
    const abort = new AbortController();
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of started.cri.runtime.events(abort.signal)) seen.push(event.kind);
    })();
    await eventually(() => seen.includes("resync"));
    const id = await started.cri.runtime.runSandbox(SANDBOX, "", signal);
    await eventually(() => seen.length === 3);
    await started.cri.runtime.stopSandbox(id, signal);
    await eventually(() => seen.length === 4);
    assert.deepEqual(seen, ["resync", "created", "started", "stopped"]);
    started.fake.kill();
    await eventually(() => seen.at(-1) === "lost");
    const next = new FakeCri();
    await next.listen(started.socket);
    await eventually(() => seen.at(-1) === "resync");
    assert.deepEqual(seen.slice(4), ["lost", "resync"]);
    abort.abort(new Error("over"));
    await assert.rejects(reading, /over/);
    await eventually(() => next.subscribers === 0);
    next.kill();
  });
});

interface Started extends AsyncDisposable {
  readonly fake: FakeCri;
  readonly cri: Cri;
  readonly socket: string;
}

async function start(quirks: Quirks, options: Partial<CriOptions> = {}): Promise<Started> {
  const scratch = new Scratch("cri-fake");
  const socket = scratch.path("cri.sock");
  const fake = new FakeCri(quirks);
  await fake.listen(socket);
  const cri = connect({ endpoint: `unix://${socket}`, ...options });
  return {
    fake,
    cri,
    socket,
    async [Symbol.asyncDispose]() {
      cri.close();
      fake.kill();
      await scratch[Symbol.asyncDispose]();
    },
  };
}

function connect(options: Pick<CriOptions, "endpoint"> & Partial<CriOptions>): Cri {
  return connectCri({ requestTimeout: seconds(10), log: silentLog, clock, random: createRandom(), ...options });
}

async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = clock.monotonic() + 60_000;
  for (;;) {
    const held = await Promise.resolve(holds()).catch(() => false);
    if (held) return;
    if (clock.monotonic() > end) assert.fail(`waited 60 s for ${holds}`);
    await clock.sleep(millis(10), signal);
  }
}

const SANDBOX: SandboxConfig = {
  metadata: { name: "p", namespace: "default", uid: "u", attempt: 0 },
  hostname: "p",
  logDirectory: "/none",
  dns: { servers: [], searches: [], options: [] },
  portMappings: [],
  labels: {},
  annotations: {},
  cgroupParent: "/none",
  sysctls: {},
  overhead: undefined,
  resources: undefined,
  security: {
    namespaces: { network: "pod", pid: "container", ipc: "pod" },
    privileged: false,
    supplementalGroups: [],
    supplementalGroupsPolicy: "Merge",
    readonlyRootfs: false,
    seccomp: { kind: "runtime-default" },
  },
};
