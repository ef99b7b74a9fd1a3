import type { ProbeNetwork } from "../ports/probing.ts";
import type { World } from "./world.ts";

/** Where probes of simulated pods knock: port FIRST_PORT + n is that of the regular container `main-<n>`. */
export const FIRST_PORT = 1_000;

/** Containers answer at the address of their sandbox as long as they run and are not sick. */
export function simProbeNetwork(world: World, life: AbortSignal): ProbeNetwork {
  const { time, chance } = world;
  async function knock(host: string, port: number, timeout: number, signal: AbortSignal): Promise<void> {
    await time.sleep(chance.between(0, 20), signal, life);
    const sandbox = [...world.sandboxes.values()].find(({ ip }) => ip === host);
    const container = [...world.containers.values()].find(
      ({ sandboxId, state, config }) =>
        sandboxId === sandbox?.id && state === "running" && config.name === `main-${port - FIRST_PORT}`,
    );
    if (container && !world.isSick(container)) return;
    // Who is sick hangs, or refuses.
    if (container && chance.happens(0.5)) await time.sleep(timeout, signal, life);
    throw new Error(`dial tcp ${host}:${port}: connect: connection refused`);
  }
  return {
    tcp: knock,
    async http({ host, port }, timeout, signal) {
      await knock(host, port, timeout, signal);
      return { status: 200, body: "" };
    },
    async grpc(host, port, _service, timeout, signal) {
      await knock(host, port, timeout, signal);
      return "SERVING";
    },
  };
}
