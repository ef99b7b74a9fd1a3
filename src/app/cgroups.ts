import { createCgroups } from "../adapters/linux/index.ts";
import type { Cgroups } from "../ports/cgroups.ts";
import type { Clock } from "../ports/clock.ts";
import type { CgroupDriver } from "../resources/index.ts";

const ROOT = "/sys/fs/cgroup";

export interface CgroupDeps {
  readonly clock: Clock;
  readonly cgroupVersion: 1 | 2;
}

/** The cgroups of this machine by the driver that the runtime uses. systemd's is loaded for those only who use it. */
export async function openCgroups(
  driver: CgroupDriver,
  { clock, cgroupVersion }: CgroupDeps,
  signal: AbortSignal,
): Promise<Cgroups> {
  const files = createCgroups({ version: cgroupVersion, root: ROOT });
  if (driver === "cgroupfs") return files;
  const { openUnits, systemdCgroups, systemdPlaces } = await import("../adapters/systemd/index.ts");
  return systemdCgroups(files, openUnits({ places: systemdPlaces(process.env), clock }, signal));
}
