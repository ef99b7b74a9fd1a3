import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { KubeletError } from "../base/fault.ts";
import type { Container, Pod, Probe } from "../model/kubernetes.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import type { EventRecord } from "../ports/events.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { Probes, type ProbesDeps } from "./probes.ts";

const every = (periodSeconds: number, more: Partial<Probe> = {}): Probe => ({
  tcpSocket: { port: 80 },
  periodSeconds,
  timeoutSeconds: 1,
  successThreshold: 1,
  failureThreshold: 1,
  ...more,
});
const podWith = (container: Partial<Container>, more: Partial<Pod> = {}): Pod => ({
  metadata: { name: "web", namespace: "default", uid: "u" },
  spec: { containers: [{ name: "a", ...container }] },
  ...more,
});

/** Probes of one pod whose container answers as `up` says. */
function probing(t: TestContext, deps: Partial<ProbesDeps> = {}) {
  const time = new VirtualTime();
  const life = new AbortController();
  t.after(() => life.abort());
  const events: EventRecord[] = [];
  const asked: number[] = [];
  const hosts = new Set<string>();
  const world = { up: true, hangs: false, changes: 0 };
  const bornAt = time.wall();
  const probes = new Probes(
    {
      clock: time.clock(life.signal),
      random: { fraction: () => 0.5, hex: () => "" },
      events: { record: (event) => void events.push(event) },
      network: {
        http: () => Promise.reject(new Error("not asked")),
        grpc: () => Promise.reject(new Error("not asked")),
        async tcp(host, _port, _timeout, signal) {
          hosts.add(host);
          asked.push(time.now());
          if (world.hangs) await time.sleep(1e9, signal);
          if (!world.up) throw new Error("dial tcp 10.0.0.9:80: connect: connection refused");
        },
      },
      runtime: { execSync: () => Promise.reject(new Error("not asked")) },
      lastStatus: ({ status }) => status,
      nodeIps: () => ["192.0.2.1"],
      onChange: () => void world.changes++,
      onBug: (error) => assert.fail(String(error)),
      ...deps,
    },
    life.signal,
  );
  const seen = (id: string, startedAt = time.wall(), state: "running" | "exited" = "running"): PodSnapshot =>
    ({
      uid: "u",
      name: "web",
      namespace: "default",
      sandboxes: [{ id: "s", state: "ready", ips: ["10.0.0.9"] }],
      containers: [{ id, name: "a", state, startedAt, sandboxId: "s" }],
    }) as unknown as PodSnapshot;
  const look = (pod: Pod, snapshot: PodSnapshot | undefined, goal: "run" | "stop" = "run") =>
    probes.follow({ uid: "u", pod, goal }, snapshot);
  const pass = (span: number) => time.runUntil(time.now() + span, () => {});
  const ready = (pod: Pod, id: string) => probes.verdicts("u").isReady(pod.spec?.containers[0] as Container, id);
  const started = (pod: Pod, id: string) => probes.verdicts("u").hasStarted(pod.spec?.containers[0] as Container, id);
  return { probes, time, events, asked, hosts, world, bornAt, seen, look, pass, ready, started };
}

test("Probes leave a container without probes ready and well", (t) => {
  const { look, seen, probes } = probing(t);
  const verdicts = look(podWith({}), seen("1"));
  assert.deepEqual(
    [verdicts.isReady({ name: "a" }, "1"), verdicts.hasStarted({ name: "a" }, "1"), verdicts.failed("1")],
    [true, true, undefined],
  );
  assert.equal(probes.size, 0);
});

test("Probes make a container ready with the first good answer, at once, and take it back", async (t) => {
  const { look, seen, pass, ready, world, events } = probing(t);
  const pod = podWith({ readinessProbe: every(10, { failureThreshold: 2 }) });
  look(pod, seen("1"));
  assert.equal(ready(pod, "1"), false);
  await pass(1);
  assert.deepEqual([ready(pod, "1"), world.changes, events.length], [true, 1, 0]);
  world.up = false;
  await pass(10_000);
  assert.equal(ready(pod, "1"), true, "one failure of two");
  await pass(10_000);
  assert.equal(ready(pod, "1"), false);
  const [event] = events;
  assert.deepEqual(
    [event?.type, event?.reason, event?.message, event?.about],
    [
      "Warning",
      "Unhealthy",
      "Readiness probe failed: dial tcp 10.0.0.9:80: connect: connection refused",
      { kind: "pod", uid: "u", name: "web", namespace: "default", fieldPath: "spec.containers{a}" },
    ],
  );
});

test("Probes hold the others until the startup probe is good, and it is not asked again", async (t) => {
  const { look, seen, pass, ready, started, world, asked } = probing(t);
  const pod = podWith({ startupProbe: every(2, { failureThreshold: 5 }), readinessProbe: every(100) });
  world.up = false;
  look(pod, seen("1"));
  await pass(4_500);
  assert.deepEqual([started(pod, "1"), ready(pod, "1"), asked], [false, false, [2_000, 4_000]]);
  world.up = true;
  await pass(1_500);
  assert.deepEqual([started(pod, "1"), ready(pod, "1"), asked], [true, true, [2_000, 4_000, 6_000, 6_000]]);
  await pass(20_000);
  assert.equal(asked.length, 4);
});

for (const kind of ["startup", "liveness"] as const) {
  test(`Probes find a container bad when ${kind} failed often enough, and ask no more`, async (t) => {
    const { probes, look, seen, pass, world, asked } = probing(t);
    const pod = podWith({ [`${kind}Probe`]: every(1, { failureThreshold: 3 }) });
    world.up = false;
    look(pod, seen("1"));
    await pass(2_500);
    assert.equal(probes.verdicts("u").failed("1"), undefined);
    await pass(1_000);
    assert.equal(probes.verdicts("u").failed("1"), kind);
    assert.equal(world.changes, 1);
    await pass(60_000);
    assert.equal(asked.length, 3);
    look(pod, seen("2"));
    assert.equal(probes.verdicts("u").failed("2"), undefined, "its successor begins anew");
    await pass(1_000);
    assert.equal(asked.length, 4);
  });
}

test("Probes end with their container, also in the middle of an answer", async (t) => {
  const { probes, look, seen, pass, world, asked } = probing(t);
  const pod = podWith({ readinessProbe: every(1) });
  world.hangs = true;
  look(pod, seen("1"));
  await pass(10);
  look(pod, seen("1", 0, "exited"));
  await pass(10_000);
  assert.deepEqual([asked.length, probes.size], [1, 0]);
});

test("Probes of a pod that stops ask for readiness only", async (t) => {
  const { look, seen, pass, ready, world, asked, probes } = probing(t);
  const pod = podWith({ readinessProbe: every(10), livenessProbe: every(1, { failureThreshold: 3 }) });
  look(pod, seen("1"));
  await pass(1_500);
  look(pod, seen("1"), "stop");
  world.up = false;
  await pass(20_000);
  assert.deepEqual([ready(pod, "1"), probes.verdicts("u").failed("1")], [false, undefined]);
  assert.deepEqual(asked, [0, 1_000, 10_000, 20_000]);
});

test("Probes keep what was said of a container before this kubelet started", async (t) => {
  const { look, seen, pass, ready, started, world, asked, bornAt } = probing(t);
  const told = { name: "a", image: "", imageID: "", restartCount: 0, ready: true, started: true };
  const pod = podWith(
    { startupProbe: every(10), readinessProbe: every(10) },
    { status: { containerStatuses: [{ ...told, containerID: "containerd://1" }] } },
  );
  world.up = false;
  look(pod, seen("1", bornAt - 60_000));
  assert.deepEqual([started(pod, "1"), ready(pod, "1")], [true, true]);
  await pass(4_999);
  assert.equal(ready(pod, "1"), true);
  await pass(2);
  assert.deepEqual([started(pod, "1"), ready(pod, "1"), asked], [true, false, [5_000]]);
  look(pod, seen("2"));
  assert.deepEqual([started(pod, "2"), ready(pod, "2")], [false, false], "another container is not that one");
});

test("Probes that can't be asked say nothing of the container", async (t) => {
  let tries = 0;
  const refused = new KubeletError("Cannot run command", { code: "runtime-unavailable", endpoint: "e" });
  const { probes, look, seen, pass, events } = probing(t, {
    runtime: {
      execSync: () => {
        tries++;
        return Promise.reject(refused);
      },
    },
  });
  const pod = podWith({ livenessProbe: { exec: { command: ["x"] }, periodSeconds: 1, failureThreshold: 1 } });
  look(pod, seen("1"));
  await pass(2_500);
  assert.deepEqual([tries, probes.verdicts("u").failed("1")], [6, undefined]);
  assert.equal(events[0]?.message, "Liveness probe errored and resulted in unknown state: Cannot run command");
});

test("Probes by command that hang hold up the others for five seconds only", async (t) => {
  const begun: number[] = [];
  const { time, probes, pass } = probing(t, {
    runtime: {
      execSync: async (_id, _command, _timeout, signal) => {
        begun.push(time.now());
        await time.sleep(1e9, signal);
        throw new Error("never");
      },
    },
  });
  const probe: Probe = { exec: { command: ["x"] }, periodSeconds: 1, failureThreshold: 1 };
  for (let index = 0; index < 20; index++) {
    const uid = `u${index}`;
    const containers = [{ id: uid, name: "a", state: "running", startedAt: time.wall(), sandboxId: "s" }];
    const seen = { uid, sandboxes: [{ id: "s", ips: [] }], containers } as unknown as PodSnapshot;
    probes.follow({ uid, pod: podWith({ readinessProbe: probe }), goal: "run" }, seen);
  }
  await pass(10);
  assert.equal(begun.length, 16);
  await pass(5_000);
  assert.equal(begun.length, 20);
});

test("Probes ask at the address that the pod's status shows: that of the node's main family", async (t) => {
  for (const [nodeIp, expected] of [
    ["192.0.2.1", "10.0.0.9"],
    ["2001:db8::1", "fd00::9"],
  ] as const) {
    const { look, seen, pass, hosts } = probing(t, { nodeIps: () => [nodeIp] });
    const both = seen("1");
    const sandboxes = both.sandboxes.map((sandbox) => ({ ...sandbox, ips: ["10.0.0.9", "fd00:0:0::9"] }));
    look(podWith({ readinessProbe: every(1) }), { ...both, sandboxes });
    await pass(100);
    assert.deepEqual([...hosts], [expected]);
  }
});
