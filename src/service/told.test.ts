import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../base/fault.ts";
import { silentLog } from "../base/log.ts";
import { millis } from "../base/units.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { readManagerEnv, Told } from "./index.ts";

const envs = [
  { name: "nothing set", env: {}, is: { socket: undefined, watchdog: undefined } },
  { name: "an empty socket", env: { NOTIFY_SOCKET: "" }, is: { socket: undefined, watchdog: undefined } },
  {
    name: "both set",
    env: { NOTIFY_SOCKET: "/run/n", WATCHDOG_USEC: "60000000" },
    is: { socket: "/run/n", watchdog: 60_000 },
  },
  {
    name: "our pid",
    env: { NOTIFY_SOCKET: "@n", WATCHDOG_USEC: "1500000", WATCHDOG_PID: "7" },
    is: { socket: "@n", watchdog: 1500 },
  },
  {
    name: "another's watchdog",
    env: { WATCHDOG_USEC: "60000000", WATCHDOG_PID: "8" },
    is: { socket: undefined, watchdog: undefined },
  },
];
for (const { name, env, is } of envs) {
  test(`systemd's environment, ${name}`, () => assert.deepEqual(readManagerEnv(env, 7), is));
}

for (const env of [
  { WATCHDOG_USEC: "1000000" },
  { WATCHDOG_USEC: "0" },
  { WATCHDOG_USEC: "x" },
  { WATCHDOG_USEC: "-5" },
  { WATCHDOG_USEC: "60000000", WATCHDOG_PID: "me" },
]) {
  test(`a watchdog of ${JSON.stringify(env)} refuses the start`, () =>
    assert.throws(
      () => readManagerEnv(env, 7),
      (error) => isFault(error, "start-refused"),
    ));
}

/** Runs for so many virtual seconds; what was told, each with its second. */
async function told(
  forSeconds: number,
  over: {
    problem?: (second: number) => string | undefined;
    refuses?: (second: number) => boolean;
    watchdog?: number;
  } = {},
): Promise<readonly string[]> {
  const time = new VirtualTime();
  const end = new AbortController();
  const clock = time.clock(end.signal);
  const second = () => Math.floor(time.now() / 1000);
  const lines: string[] = [];
  const manager = {
    notify(state: string) {
      if (over.refuses?.(second())) throw new Error("nobody reads");
      lines.push(`${second()} ${state}`);
    },
  };
  const service = new Told({ manager, watchdog: millis((over.watchdog ?? 60) * 1000), clock, log: silentLog });
  const running = service.up(
    [
      { name: "ping", problem: () => undefined },
      { name: "syncloop", problem: () => over.problem?.(second()) },
    ],
    () => "3 pods",
    end.signal,
  );
  running.catch(() => {});
  await time.runUntil(forSeconds * 1000, () => {});
  end.abort();
  await assert.rejects(running);
  return lines;
}

test("READY once, then a sign of life at half of the watchdog's time", async () => {
  assert.deepEqual(await told(100), [
    "0 READY=1",
    "0 STATUS=3 pods",
    "0 WATCHDOG=1",
    "30 WATCHDOG=1",
    "60 WATCHDOG=1",
    "90 WATCHDOG=1",
  ]);
});

test("a failing check stops the signs of life, says why, and its end is told at once", async () => {
  const lines = await told(120, { problem: (at) => (at >= 50 && at < 80 ? "no answer" : undefined) });
  assert.deepEqual(lines, [
    "0 READY=1",
    "0 STATUS=3 pods",
    "0 WATCHDOG=1",
    "30 WATCHDOG=1",
    "50 STATUS=Unhealthy: syncloop: no answer",
    "80 STATUS=3 pods",
    "81 WATCHDOG=1",
    "111 WATCHDOG=1",
  ]);
});

test("what systemd does not take is told again soon", async () => {
  const lines = await told(40, { refuses: (at) => at < 2 || at === 32 });
  assert.deepEqual(lines, ["2 READY=1", "2 STATUS=3 pods", "2 WATCHDOG=1", "33 WATCHDOG=1"]);
});
