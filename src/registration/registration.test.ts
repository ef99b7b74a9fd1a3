import assert from "node:assert/strict";
import { test } from "node:test";
import { KubeletError } from "../base/fault.ts";
import { silentLog } from "../base/log.ts";
import type { CSINode, Lease, Node } from "../model/kubernetes.ts";
import type { RuntimeStatus } from "../model/runtime.ts";
import type { NodeFacts } from "../ports/node-facts.ts";
import { SimKubeApi } from "../sim/kube-api.ts";
import type { ApiCall } from "../sim/kube-api-faults.ts";
import { SimApiServer } from "../sim/kube-api-server.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { CSI_NODES, NODE_LEASES, NODES } from "./collections.ts";
import { MACHINE, OPTIONS, SPACE } from "./fake-node.ts";
import type { RegistrationOptions } from "./options.ts";
import { Registration, type RegistrationDeps } from "./registration.ts";

const READY: RuntimeStatus = {
  runtime: { status: true, reason: "", message: "" },
  network: { status: true, reason: "", message: "" },
  handlers: [],
  features: undefined,
};
const NO_NETWORK = { ...READY, network: { status: false, reason: "NetworkPluginNotReady", message: "no cni" } };

/** One node and its API server on virtual time. */
class World {
  readonly time = new VirtualTime();
  readonly life = new AbortController();
  readonly clock = this.time.clock(this.life.signal);
  readonly server = new SimApiServer(this.clock);
  readonly api = new SimKubeApi(this.clock, this.server);
  readonly heartbeats = new SimKubeApi(this.clock, this.server);
  readonly calls: (ApiCall & { readonly at_: number })[] = [];
  readonly events: string[] = [];
  readonly cidrs: string[] = [];
  runtime: RuntimeStatus | undefined = READY;
  available = SPACE.availableBytes;
  listed = 0;

  constructor() {
    for (const api of [this.api, this.heartbeats])
      api.onCall = (call) => this.calls.push({ ...call, at_: this.time.now() });
  }

  start(
    options: Partial<RegistrationOptions> = {},
    deps: Partial<RegistrationDeps> = {},
    life: AbortSignal = this.life.signal,
  ): Registration {
    const facts: NodeFacts = {
      machine: async () => MACHINE,
      space: async () => ({ ...SPACE, availableBytes: this.available }),
      memoryWorkingSet: async () => 1e9,
      tasks: async () => ({ max: 32768, current: 100 }),
      interfaces: () => [{ interface: "eth0", address: "192.0.2.2", family: 4, loopback: false }],
      defaultRoutes: async () => [{ interface: "eth0", family: 4 }],
      lookup: async () => [],
    };
    const registration = new Registration(
      { ...OPTIONS, ...options },
      {
        api: this.api,
        heartbeats: this.heartbeats,
        clock: this.clock,
        random: { fraction: () => 0.5, hex: () => "" },
        log: silentLog,
        events: { record: ({ reason }) => void this.events.push(reason) },
        facts,
        runtime: {
          status: async () => {
            if (this.runtime) return this.runtime;
            throw new KubeletError("away", { code: "runtime-unavailable", endpoint: "unix:///x" });
          },
          version: async () => ({ name: "containerd", version: "2.4.2", apiVersion: "v1" }),
        },
        images: {
          listImages: async () => {
            this.listed++;
            return [];
          },
          imageFilesystems: async () => [],
        },
        arch: "amd64",
        declaredFeatures: [],
        usePodCidr: async (cidr) => void this.cidrs.push(cidr),
        waitsForPodCidr: false,
        ...deps,
      },
    );
    registration.run(life).catch((error: unknown) => {
      if (!life.aborted) throw error;
    });
    return registration;
  }

  /** Lets `seconds` go by. */
  async pass(seconds: number): Promise<void> {
    await this.time.runUntil(this.time.now() + seconds * 1000, () => {});
  }

  get node(): Node | undefined {
    return this.server.find<Node & { metadata: { name: string } }>(NODES, "node-1");
  }

  get ready(): string {
    const condition = this.node?.status?.conditions?.find(({ type }) => type === "Ready");
    return `${condition?.status} ${condition?.message}`;
  }

  get lease(): Lease | undefined {
    return this.server.find<Lease>(NODE_LEASES, "node-1");
  }

  /** Calls of one kind on one resource since the count was last taken. */
  count(verb: ApiCall["verb"], resource: string): number {
    return this.calls.filter((call) => call.verb === verb && call.at.resource === resource).length;
  }
}

const world = async (run: (world: World) => Promise<void>): Promise<void> => {
  const one = new World();
  try {
    await run(one);
  } finally {
    one.life.abort();
  }
};

const BROKEN = { kind: "refused", status: 500, reason: "InternalError" } as const;
const READY_TEXT = "True kubelet is posting ready status";

test("a new node is there, ready, leased, with its CSINode, in no time", () =>
  world(async (world) => {
    const registration = world.start();
    await world.pass(0.2);
    assert.equal(world.ready, READY_TEXT);
    assert.deepEqual(registration.internalIps, ["192.0.2.2"]);
    const uid = world.node?.metadata?.uid;
    const owner = { apiVersion: "v1", kind: "Node", name: "node-1", uid };
    assert.deepEqual(world.lease?.metadata?.ownerReferences, [owner]);
    assert.equal(world.lease?.spec?.holderIdentity, "node-1");
    assert.equal(world.lease?.spec?.leaseDurationSeconds, 40);
    assert.match(world.lease?.spec?.renewTime ?? "", /^2026-01-01T00:00:00\.\d{6}Z$/);
    const csiNode = world.server.find<CSINode>(CSI_NODES, "node-1");
    assert.deepEqual(csiNode?.metadata?.ownerReferences, [owner]);
    assert.deepEqual(csiNode?.spec.drivers, []);
    assert.deepEqual(world.events, [
      "NodeHasSufficientMemory",
      "NodeHasNoDiskPressure",
      "NodeHasSufficientPID",
      "NodeReady",
    ]);
  }));

test("at rest a minute costs six leases, and a status every five minutes", () =>
  world(async (world) => {
    world.start();
    await world.pass(5);
    world.calls.length = 0;
    await world.pass(3600);
    const leases = world.count("replace", "leases");
    assert.ok(leases >= 340 && leases <= 360, `${leases} leases`);
    const patches = world.count("patch", "nodes");
    assert.ok(patches >= 11 && patches <= 13, `${patches} patches`);
    const others = world.calls.length - leases - patches - world.count("watch", "nodes");
    assert.equal(others, 0);
    // Five minutes apart, and once at the start.
    assert.ok(world.listed <= 13, `${world.listed} lists of images`);
  }));

test("a condition is written at once when the runtime says so, and back", () =>
  world(async (world) => {
    const registration = world.start();
    await world.pass(3);
    world.runtime = NO_NETWORK;
    registration.runtimeChanged();
    await world.pass(0.05);
    const why = "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:no cni";
    assert.equal(world.ready, `False ${why}`);
    assert.equal(registration.networkProblem, why);
    world.runtime = READY;
    await world.pass(0.5);
    assert.equal(world.ready, READY_TEXT);
    assert.equal(registration.networkProblem, undefined);
    assert.deepEqual(world.events.slice(-2), ["NodeNotReady", "NodeReady"]);
  }));

test("a node that was given up meanwhile is told to be ready again", () =>
  world(async (world) => {
    const registration = world.start();
    await world.pass(20);
    world.events.length = 0;
    const { node } = world;
    const conditions = node?.status?.conditions?.map((condition) => ({ ...condition, status: "Unknown" }));
    world.server.put(NODES, { ...node, status: { ...node?.status, conditions } } as never);
    await world.pass(1);
    assert.equal(world.ready, READY_TEXT);
    assert.deepEqual(world.events, [
      "NodeHasSufficientMemory",
      "NodeHasNoDiskPressure",
      "NodeHasSufficientPID",
      "NodeReady",
    ]);
    // A change that can't be written at once is told once.
    world.events.length = 0;
    world.heartbeats.faults.down = true;
    world.runtime = NO_NETWORK;
    registration.runtimeChanged();
    await world.pass(60);
    world.heartbeats.faults.down = false;
    await world.pass(30);
    assert.deepEqual(world.events, ["NodeNotReady"]);
  }));

test("a runtime that is restarted leaves the node ready, one that stays away does not", () =>
  world(async (world) => {
    const registration = world.start();
    await world.pass(3);
    world.runtime = undefined;
    registration.runtimeChanged();
    await world.pass(20);
    assert.equal(world.ready, READY_TEXT);
    await world.pass(12);
    assert.equal(world.ready, "False container runtime is down");
    world.runtime = READY;
    registration.runtimeChanged();
    await world.pass(0.05);
    assert.equal(world.ready, READY_TEXT);
  }));

test("disk pressure shows with the next reading, and leaves five minutes after its end", () =>
  world(async (world) => {
    const diskPressure = () => world.node?.status?.conditions?.find(({ type }) => type === "DiskPressure")?.status;
    world.start();
    await world.pass(3);
    world.available = 1e9;
    await world.pass(11);
    assert.equal(diskPressure(), "True");
    world.available = SPACE.availableBytes;
    await world.pass(280);
    assert.equal(diskPressure(), "True");
    await world.pass(40);
    assert.equal(diskPressure(), "False");
    assert.deepEqual(world.events.slice(-2), ["NodeHasDiskPressure", "NodeHasNoDiskPressure"]);
  }));

test("a restart leaves a ready node ready, whatever is not known yet", () =>
  world(async (world) => {
    const first = new AbortController();
    world.start({}, {}, first.signal);
    await world.pass(3);
    first.abort();
    const versions: string[] = [];
    world.server.onChange = ({ collection, object }) => {
      if (collection === "/nodes") versions.push(JSON.stringify((object as Node | undefined)?.status?.conditions));
    };
    // The second kubelet's runtime needs a while.
    world.runtime = undefined;
    const restarted = world.start();
    await world.pass(5);
    world.runtime = READY;
    restarted.runtimeChanged();
    await world.pass(8);
    assert.equal(world.ready, READY_TEXT);
    assert.ok(versions.length > 0);
    assert.ok(versions.every((text) => !text.includes("KubeletNotReady")));
  }));

test("an existing node is reconciled, its taints and cordon are left alone", () =>
  world(async (world) => {
    world.server.put(NODES, {
      metadata: { name: "node-1", labels: { mine: "x", "kubernetes.io/hostname": "old" } },
      spec: { unschedulable: true, taints: [{ key: "mine", effect: "NoSchedule" }] },
      status: { capacity: { "example.com/gpu": "2" }, nodeInfo: { bootID: "before" } },
    } as never);
    world.start({ taints: [{ key: "ours", effect: "NoSchedule" }] });
    await world.pass(1);
    const { metadata, spec, status } = world.node ?? {};
    assert.equal(metadata?.labels?.mine, "x");
    assert.equal(metadata?.labels?.["kubernetes.io/hostname"], "node-1");
    assert.deepEqual(spec, { unschedulable: true, taints: [{ key: "mine", effect: "NoSchedule" }] });
    assert.equal(status?.capacity?.["example.com/gpu"], "0");
    assert.equal(world.ready, READY_TEXT);
    assert.ok(world.events.includes("NodeNotSchedulable"));
    assert.equal(world.events.filter((reason) => reason === "Rebooted").length, 1);
  }));

test("a node that may not make itself is found", () =>
  world(async (world) => {
    world.server.put(NODES, { metadata: { name: "node-1" } });
    world.heartbeats.faults.judge = ({ verb, at }) =>
      verb === "create" && at.resource === "nodes" ? { kind: "refused", status: 403, reason: "Forbidden" } : undefined;
    world.start();
    await world.pass(1);
    assert.equal(world.ready, READY_TEXT);
  }));

test("registerNode: false makes no Node, and keeps the status of one that comes", () =>
  world(async (world) => {
    world.start({ registerNode: false });
    await world.pass(60);
    assert.equal(world.server.list(NODES).items.length, 0);
    assert.equal(world.count("create", "nodes"), 0);
    world.server.put(NODES, { metadata: { name: "node-1" } });
    await world.pass(1);
    assert.equal(world.ready, READY_TEXT);
    assert.deepEqual(world.node?.metadata?.labels, { "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64" });
  }));

test("a deleted Node comes back, with lease and CSINode of its own", () =>
  world(async (world) => {
    world.start();
    await world.pass(3);
    const before = world.node?.metadata?.uid;
    world.server.delete(NODES, "node-1");
    await world.pass(0.2);
    assert.equal(world.ready, READY_TEXT);
    await world.pass(11);
    const uid = world.node?.metadata?.uid;
    assert.ok(uid !== undefined && uid !== before);
    assert.equal(world.ready, READY_TEXT);
    assert.equal(world.lease?.metadata?.ownerReferences?.[0]?.uid, uid);
    const csiNode = world.server.find<CSINode>(CSI_NODES, "node-1");
    assert.equal(csiNode?.metadata?.ownerReferences?.[0]?.uid, uid);
  }));

test("a Node that somebody put in the place of ours, before we could see it gone, is registered like any that is there", () =>
  world(async (world) => {
    const registration = world.start({ labels: { "node.kubernetes.io/instance-type": "large" } });
    await world.pass(3);
    world.server.delete(NODES, "node-1");
    world.server.put(NODES, { metadata: { name: "node-1", labels: { mine: "x" } } });
    await world.pass(1);
    assert.equal(world.ready, READY_TEXT);
    assert.equal(registration.node?.metadata?.uid, world.node?.metadata?.uid);
    const { mine, ...labels } = world.node?.metadata?.labels ?? {};
    assert.equal(mine, "x");
    assert.equal(labels["kubernetes.io/hostname"], "node-1");
    assert.equal(labels["node.kubernetes.io/instance-type"], "large");
  }));

test("an API server that is away is asked with more and more time between, and is up to date right after", () =>
  world(async (world) => {
    world.api.faults.down = true;
    world.heartbeats.faults.down = true;
    world.start();
    await world.pass(600);
    assert.ok(world.calls.length < 250, `${world.calls.length} calls in ten minutes`);
    world.api.faults.down = false;
    world.heartbeats.faults.down = false;
    await world.pass(20);
    assert.equal(world.ready, READY_TEXT);
    assert.ok(world.lease);
  }));

test("the lease goes on while the main connection answers nothing", () =>
  world(async (world) => {
    world.start();
    await world.pass(3);
    world.api.faults.latency = () => 3_600_000;
    world.server.cutWatches();
    const before = world.lease?.spec?.renewTime ?? "";
    await world.pass(35);
    const renewed = world.lease?.spec?.renewTime ?? "";
    assert.ok(Date.parse(renewed) - Date.parse(before) >= 29_000, `${before} ${renewed}`);
  }));

for (const [what, fail] of [
  ["hangs", (world: World) => (world.heartbeats.faults.latency = () => 3_600_000)],
  ["can do nothing", (world: World) => (world.heartbeats.faults.judge = () => BROKEN)],
] as const)
  test(`a connection to an API server that ${what} is left for another before the lease is over`, () =>
    world(async (world) => {
      let left = 0;
      const onHeartbeatsFail = () => {
        left++;
        world.heartbeats.faults.latency = undefined;
        world.heartbeats.faults.judge = undefined;
      };
      world.start({}, { onHeartbeatsFail });
      await world.pass(3);
      fail(world);
      await world.pass(39);
      assert.equal(left, 1);
      assert.ok(world.clock.wall().getTime() - Date.parse(world.lease?.spec?.renewTime ?? "") < 20_000);
    }));

for (const [what, fault, most] of [
  ["fails one heartbeat of two", (call: number) => (call % 2 === 0 ? BROKEN : undefined), 0],
  ["says no", () => ({ kind: "refused", status: 403, reason: "Forbidden" }) as const, 0],
  ["goes on to fail, oftener than every ten seconds,", () => BROKEN, 7],
] as const)
  test(`a connection to an API server that ${what} is not left`, () =>
    world(async (world) => {
      let left = 0;
      world.start({}, { onHeartbeatsFail: () => void left++ });
      await world.pass(3);
      let calls = 0;
      world.heartbeats.faults.judge = () => fault(calls++);
      await world.pass(60);
      assert.ok(calls > 6);
      assert.ok(left <= most, `${left} times`);
    }));

test("a lease somebody else wrote is taken over, a deleted one made again", () =>
  world(async (world) => {
    world.start();
    await world.pass(3);
    world.server.put(NODE_LEASES, { ...world.lease, metadata: { ...world.lease?.metadata, annotations: { x: "y" } } });
    await world.pass(11);
    assert.deepEqual(world.lease?.metadata?.annotations, { x: "y" });
    const renewed = Date.parse(world.lease?.spec?.renewTime ?? "");
    assert.ok(world.clock.wall().getTime() - renewed < 11_000);
    world.server.delete(NODE_LEASES, "node-1");
    await world.pass(11);
    assert.ok(world.lease);
  }));

test("a write whose answer got lost is seen, and not taken for somebody else's", () =>
  world(async (world) => {
    world.heartbeats.faults.next.push({ kind: "lost-answer" });
    world.start();
    await world.pass(2);
    assert.equal(world.ready, READY_TEXT);
    assert.equal(world.server.list(NODES).items.length, 1);
  }));

test("two writers at odds make no storm", () =>
  world(async (world) => {
    world.start();
    await world.pass(3);
    world.calls.length = 0;
    world.server.onChange = ({ collection, object }) => {
      const node = object as unknown as Node | undefined;
      if (collection !== "/nodes" || node?.metadata?.labels?.["kubernetes.io/os"] !== "linux") return;
      const labels = { ...node.metadata.labels, "kubernetes.io/os": "beos" };
      queueMicrotask(() => world.server.put(NODES, { ...node, metadata: { ...node.metadata, labels } } as never));
    };
    world.server.put(NODES, { ...world.node } as never);
    await world.pass(60);
    assert.ok(world.count("patch", "nodes") < 40, `${world.count("patch", "nodes")} patches in a minute`);
  }));

test("the pods' range is handed on once, and an embedded runtime's network waits for it", () =>
  world(async (world) => {
    let networks = 0;
    const registration = world.start({}, { waitsForPodCidr: true, onNetworkReady: () => void networks++ });
    await world.pass(3);
    assert.equal(networks, 0);
    assert.match(world.ready, /^False container runtime network not ready: waits for spec.podCIDR of Node node-1/);
    assert.match(registration.networkProblem ?? "", /waits for spec.podCIDR/);
    const { node } = world;
    world.server.put(NODES, { ...node, spec: { podCIDR: "10.244.1.0/24", podCIDRs: ["10.244.1.0/24"] } } as never);
    await world.pass(0.2);
    assert.equal(world.ready, READY_TEXT);
    assert.equal(registration.networkProblem, undefined);
    await world.pass(60);
    assert.deepEqual(world.cidrs, ["10.244.1.0/24"]);
    assert.equal(networks, 1);
  }));

test("images show with the next reading after a pull", () =>
  world(async (world) => {
    const registration = world.start();
    await world.pass(3);
    const before = world.listed;
    await world.pass(60);
    assert.equal(world.listed, before);
    registration.imagesChanged();
    await world.pass(11);
    assert.equal(world.listed, before + 1);
  }));
