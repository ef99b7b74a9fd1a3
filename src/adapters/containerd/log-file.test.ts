import assert from "node:assert/strict";
import {
  closeSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "../../base/log.ts";
import { millis } from "../../base/units.ts";
import { VirtualTime } from "../../sim/virtual-time.ts";
import { openLog, tailOf, trimLog } from "./log-file.ts";
import { runtimePaths } from "./paths.ts";
import { Supervisor } from "./supervisor.ts";

const TOO_LARGE = (16 << 20) + 1;

test("trimLog() sets a large log aside under the hands of its writer, who goes on at its beginning", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "log-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "containerd.log");
  assert.equal(await trimLog(path), false, "there is none");
  const writer = openLog(path);
  t.after(() => closeSync(writer));
  writeSync(writer, "first\n");
  assert.equal(await trimLog(path), false, "it is small");
  truncateSync(path, TOO_LARGE);
  assert.equal(await trimLog(path), true);
  writeSync(writer, "second\n");
  assert.deepEqual(tailOf(path, 5, 0), ["second"]);
  assert.equal(statSync(path).size, 7);
  assert.equal(readFileSync(`${path}.1`).subarray(0, 6).toString(), "first\n");
});

test("Supervisor.watch() keeps the log of a containerd that runs for long small, and ends with its signal", {
  timeout: 20_000,
}, async (t) => {
  const rootDir = mkdtempSync(join(tmpdir(), "root-"));
  t.after(() => rmSync(rootDir, { recursive: true }));
  const paths = { ...runtimePaths(rootDir), log: join(rootDir, "containerd.log") };
  writeFileSync(paths.log, "");
  truncateSync(paths.log, TOO_LARGE);
  const time = new VirtualTime();
  const life = new AbortController();
  const supervisor = new Supervisor({
    paths,
    plan: { program: "", args: [], path: "" },
    configHash: "",
    log: silentLog,
    clock: time.clock(life.signal),
    probe: async () => {},
    afterStart: async () => {},
  });
  const { promise: ended } = Promise.withResolvers<string>();
  supervisor.adopt({ identity: { pid: 0, startTime: "" }, ended });
  const watching = supervisor.watch(life.signal);
  await time.runUntil(millis(600_000), () => {});
  while (statSync(paths.log).size > 0) await new Promise(setImmediate);
  life.abort(new Error("done"));
  await watching;
});
