import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { silentLog } from "../../base/log.ts";
import { seconds } from "../../base/units.ts";
import { createClock } from "../linux/clock.ts";
import { identify, readRecord } from "./identity.ts";
import { runtimePaths } from "./paths.ts";
import { Supervisor, type SupervisorParts } from "./supervisor.ts";

const never = new AbortController().signal;

/** A supervisor of "containerds" that only listen. `afterStart` fails with these first, then works. */
function supervised(t: TestContext, problems: readonly string[], clock: SupervisorParts["clock"] = createClock()) {
  const rootDir = mkdtempSync(join(tmpdir(), "root-"));
  t.after(() => rmSync(rootDir, { recursive: true }));
  const paths = runtimePaths(rootDir);
  mkdirSync(paths.home);
  const script = `require("net").createServer().listen(${JSON.stringify(paths.socket)})`;
  const left = [...problems];
  const supervisor = new Supervisor({
    paths,
    plan: { program: process.execPath, args: ["-e", script], path: "" },
    configHash: "",
    log: silentLog,
    clock,
    probe: async () => {},
    async afterStart() {
      const problem = left.shift();
      if (problem !== undefined) throw new Error(problem);
    },
  });
  return { supervisor, paths, left };
}

const ourselves = () => identify(process.pid) ?? assert.fail("we run");

test("takeOver() starts another containerd when the one that ran ends over the first use of it", {
  timeout: 20_000,
}, async (t) => {
  const { supervisor, paths } = supervised(t, ["it went away"]);
  await supervisor.takeOver({ identity: { pid: 0, startTime: "" }, ended: Promise.resolve("gone") }, never);
  const pid = readRecord(paths.pidFile)?.pid ?? assert.fail("nothing was started");
  t.after(() => process.kill(pid, "SIGKILL"));
  assert.ok(identify(pid));
});

test("takeOver() tries again what fails in a containerd that runs, for a minute", { timeout: 20_000 }, async (t) => {
  const real = createClock();
  let now = 0;
  const clock = {
    ...real,
    monotonic: () => now as ReturnType<typeof real.monotonic>,
    sleep: async (_: number, signal: AbortSignal) => {
      signal.throwIfAborted();
      now += seconds(10);
    },
  };
  const running = () => ({ identity: ourselves(), ended: new Promise<string>(() => {}) });
  for (const { problems, lasts } of [
    { problems: 3, lasts: false },
    { problems: 100, lasts: true },
  ]) {
    const { supervisor, paths, left } = supervised(t, Array(problems).fill("no space left on device"), clock);
    const server = createServer((socket) => socket.destroy()).listen(paths.socket);
    t.after(() => server.close());
    const taken = supervisor.takeOver(running(), never);
    if (lasts)
      await assert.rejects(
        taken,
        (error) => isFault(error, "start-refused") && /after 60 s: no space left on device/.test(error.message),
      );
    else await taken.then(() => assert.equal(left.length, 0));
  }
});
