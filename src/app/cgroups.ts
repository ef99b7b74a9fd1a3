import { createCgroups } from "../adapters/linux/index.ts";
import { KubeletError, messageOf } from "../base/fault.ts";
import type { Cgroups } from "../ports/cgroups.ts";
import type { Clock } from "../ports/clock.ts";
import type { CgroupDriver } from "../resources/index.ts";

const ROOT = "/sys/fs/cgroup";

export interface CgroupDeps {
  readonly clock: Clock;
  readonly cgroupVersion: 1 | 2;
}

/**
 * The cgroups of this machine by the driver that the runtime uses. systemd's is loaded for those only who use it.
 * @throws KubeletError `start-refused` where systemd does not answer
 */
export async function openCgroups(
  driver: CgroupDriver,
  { clock, cgroupVersion }: CgroupDeps,
  signal: AbortSignal,
): Promise<Cgroups> {
  const files = createCgroups({ version: cgroupVersion, root: ROOT });
  if (driver === "cgroupfs") return files;
  const { openUnits, systemdCgroups, systemdPlaces } = await import("../adapters/systemd/index.ts");
  const units = openUnits({ places: systemdPlaces(process.env), clock }, signal);
  try {
    await units.version();
  } catch (error) {
    signal.throwIfAborted();
    throw new KubeletError(
      `Cannot use cgroup driver systemd: ${messageOf(error)}; where systemd does not run, set the runtime's driver and cgroupDriver to cgroupfs`,
      { code: "start-refused", what: "cgroup driver" },
      { cause: error },
    );
  }
  return systemdCgroups(files, units);
}
