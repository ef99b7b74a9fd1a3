/** The doors of the simulator keep the contracts that the real ones keep: else a run proves nothing. */
import { cgroupsContract } from "../src/ports/cgroups.contract.ts";
import { clockContract } from "../src/ports/clock.contract.ts";
import { filesContract } from "../src/ports/files.contract.ts";
import { kubeApiContract } from "../src/ports/kube-api.contract.ts";
import { mountsContract } from "../src/ports/mounts.contract.ts";
import { runtimeContract } from "../src/ports/runtime.contract.ts";
import { Chance } from "../src/sim/chance.ts";
import { Disk } from "../src/sim/disk.ts";
import { Faults } from "../src/sim/faults.ts";
import { SimKubeApi } from "../src/sim/kube-api.ts";
import { simCgroups } from "../src/sim/sim-cgroups.ts";
import { SimFiles } from "../src/sim/sim-files.ts";
import { simMounts } from "../src/sim/sim-mounts.ts";
import { type Judge, SimRuntime } from "../src/sim/sim-runtime.ts";
import { VirtualTime } from "../src/sim/virtual-time.ts";
import { World } from "../src/sim/world.ts";

/** Lets virtual time pass as long as `life` lasts, a little after everything that was asked for by then. */
function startTime(life: AbortSignal): VirtualTime {
  const time = new VirtualTime();
  void (async () => {
    while (!life.aborted) await time.runUntil(time.now() + 5, () => {});
  })();
  return time;
}

function openWorld() {
  const stop = new AbortController();
  const time = startTime(stop.signal);
  return { time, stop, life: stop.signal, world: new World(time, new Chance(1)), faults: new Faults() };
}

{
  const time = new VirtualTime();
  const life = new AbortController().signal;
  clockContract("simulated clock", time.clock(life), async (work) => {
    work.catch(() => {});
    await time.runUntil(time.now() + 10_000, () => {});
    return work;
  });
}

cgroupsContract("simulated cgroups", async () => {
  const { stop, life, world, faults } = openWorld();
  return {
    cgroups: simCgroups(new Set(["/"]), world, faults, life),
    path: "/contract",
    spawn: undefined,
    async [Symbol.asyncDispose]() {
      stop.abort();
    },
  };
});

function openDisk() {
  const { stop, life, world, faults } = openWorld();
  const disk = new Disk();
  disk.put(disk.walk("/contract", false), disk.directory(0o755));
  return {
    files: new SimFiles(disk, world, faults, life),
    mounts: simMounts(disk, world, faults, life),
    directory: "/contract",
    async [Symbol.asyncDispose]() {
      stop.abort();
    },
  };
}
filesContract("simulated files", async () => openDisk());
mountsContract("simulated mounts", async () => openDisk());

kubeApiContract("simulated API server", async () => {
  const { stop, life, time } = openWorld();
  const api = new SimKubeApi(time.clock(life));
  api.faults.latency = () => 5;
  return { api, clock: time.clock(life), compact: async () => api.server.compact(), close: async () => stop.abort() };
});

const NO_RULES: Judge = { onRunSandbox() {}, onStopSandbox() {}, onStart() {}, onStop() {} };

runtimeContract("simulated runtime", async () => {
  const { stop, life, time, world, faults } = openWorld();
  faults.images.add("registry/image:1");
  // Its programs are set by pod and container, not by command.
  world.setProgram("contract-exit", "job", { endsAfter: 50, exitCode: 7, obeysAfter: 10 });
  const runtime = new SimRuntime(world, faults, life, NO_RULES);
  return {
    runtime,
    images: runtime,
    clock: time.clock(life),
    image: "registry/image:1",
    forever: ["forever"],
    exitsWith: (code) => [`${code}`],
    prints: (text) => [text],
    logDirectory: "/var/log/pods",
    cgroupParent: "/kubepods",
    lacks: ["exec", "logs", "resources"],
    close: async () => stop.abort(),
  };
});
