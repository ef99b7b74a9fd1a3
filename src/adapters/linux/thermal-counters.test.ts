import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { thermalCounters } from "./thermal-counters.ts";

test("thermalCounters() names those of the CPUs that have some, in their order", (t) => {
  const cpus = mkdtempSync(join(tmpdir(), "cpus-"));
  t.after(() => rmSync(cpus, { recursive: true }));
  for (const path of ["cpu10/thermal_throttle", "cpu2/thermal_throttle", "cpu3/cache", "cpufreq/thermal_throttle"])
    mkdirSync(join(cpus, path), { recursive: true });
  assert.deepEqual(thermalCounters(cpus), [join(cpus, "cpu2/thermal_throttle"), join(cpus, "cpu10/thermal_throttle")]);
  assert.deepEqual(thermalCounters(join(cpus, "absent")), []);
});
