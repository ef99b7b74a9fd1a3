import { createNodeFacts, type HostFacts } from "../adapters/linux/index.ts";
import { KubeletError } from "../base/fault.ts";
import { isGiven, type KubeletConfig } from "../config/index.ts";
import type { Clock } from "../ports/clock.ts";
import { machineCapacity, registrationOptions, reservationProblems } from "../registration/index.ts";

const RESERVING = ["kubeReserved", "systemReserved", "evictionHard"] as const;

/** What is reserved beyond what this machine has, a sentence each. */
export async function reservedTooMuch(
  config: KubeletConfig,
  host: HostFacts,
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (!RESERVING.some((name) => isGiven(config, name))) return [];
  const facts = createNodeFacts(host.cgroupVersion, clock);
  const options = registrationOptions(config);
  const [machine, space] = await Promise.all([
    facts.machine(),
    // A file system that does not answer is told of elsewhere.
    facts.space(config.flags.rootDir, signal).catch(() => undefined),
  ]);
  return reservationProblems({ ...machineCapacity(machine, space, options), pid: `${host.pidMax}` }, options);
}

/**
 * Keeps more from pods than the machine has? Upstream does not start so either: pods would have less than nothing.
 * @throws KubeletError `start-refused` naming each resource
 */
export async function refuseReservations(
  config: KubeletConfig,
  host: HostFacts,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const problems = await reservedTooMuch(config, host, clock, signal);
  if (problems.length === 0) return;
  const lines = problems.map((problem) => `\n  ${problem}`);
  throw new KubeletError(
    `Cannot start with more reserved than this machine has; lower kubeReserved, systemReserved or evictionHard:${lines.join("")}`,
    { code: "start-refused", what: "reservations" },
  );
}
