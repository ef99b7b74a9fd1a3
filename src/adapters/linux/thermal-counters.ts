import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

/**
 * Where each CPU counts how often it was throttled, on processors that do: by it one container can tell what another one computes.
 * https://github.com/moby/moby/security/advisories/GHSA-6fw5-f8r9-fgfm
 */
export function thermalCounters(cpus = "/sys/devices/system/cpu"): readonly string[] {
  if (!existsSync(cpus)) return [];
  return readdirSync(cpus)
    .filter((name) => /^cpu\d+$/.test(name))
    .sort((a, b) => Number(a.slice("cpu".length)) - Number(b.slice("cpu".length)))
    .map((name) => join(cpus, name, "thermal_throttle"))
    .filter((path) => existsSync(path));
}
