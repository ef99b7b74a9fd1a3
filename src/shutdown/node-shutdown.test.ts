import assert from "node:assert/strict";
import { test } from "node:test";
import { untilAborted } from "../base/abort.ts";
import { Bell } from "../base/bell.ts";
import { KubeletError } from "../base/fault.ts";
import { silentLog } from "../base/log.ts";
import { type Millis, seconds } from "../base/units.ts";
import type { Ending } from "../model/ending.ts";
import type { Pod } from "../model/kubernetes.ts";
import type { ShutdownWatch } from "../ports/shutdowns.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { NodeShutdown } from "./node-shutdown.ts";
import { decodeTimes, encodeTimes, type ShutdownTimes } from "./times.ts";

/** logind as this test wants it: `tell` is its signal, `lose` ends the connection. */
class FakeLogind {
  longest: Millis = seconds(5);
  /** What it takes over from the drop-in file. */
  obeys = true;
  inProgress = false;
  held = 0;
  allowed: Millis[] = [];
  watches = 0;
  readonly #told: (boolean | "lost")[] = [];
  readonly #bell = new Bell();

  tell(notice: boolean | "lost"): void {
    this.#told.push(notice);
    this.#bell.ring();
  }

  async watch(): Promise<ShutdownWatch> {
    this.watches++;
    const self = this;
    return {
      longestHold: async () => this.longest,
      allowHold: async (span) => {
        this.allowed.push(span);
        if (this.obeys) this.longest = span;
      },
      hold: async () => {
        if (this.inProgress)
          throw new KubeletError("already running", { code: "file-failed", path: "login1", errno: "EIO" });
        this.held++;
        return { [Symbol.dispose]: () => void this.held-- };
      },
      async *notices(signal) {
        yield self.inProgress;
        for (;;) {
          const next = self.#told.shift();
          if (next === "lost") return;
          if (next === undefined) await self.#bell.wait(signal);
          else yield next;
        }
      },
      [Symbol.dispose]: () => {},
    };
  }
}

const podOf = (name: string, priority: number, grace = 30): Pod => ({
  metadata: { name, namespace: "default", uid: name },
  spec: { containers: [], priority, terminationGracePeriodSeconds: grace },
});

/** Pods that take `stops` milliseconds to stop, by name. */
function start(
  pods: readonly Pod[],
  stops: { readonly [name: string]: number },
  files: Map<string, string> = new Map(),
) {
  const time = new VirtualTime();
  const life = new AbortController();
  const clock = time.clock(life.signal);
  const logind = new FakeLogind();
  const story: string[] = [];
  const endings = new Map<string, Ending>();
  const times: ShutdownTimes[] = [];
  const shutdown = new NodeShutdown(
    {
      graces: [
        { priority: 0, grace: seconds(20) },
        { priority: 1000, grace: seconds(10) },
      ],
      rootDir: "/root",
      keepsTimes: true,
    },
    {
      clock,
      log: silentLog,
      events: { record: ({ message }) => void story.push(message) },
      files: {
        read: async (path) => {
          const text = files.get(path);
          return text === undefined ? undefined : new TextEncoder().encode(text);
        },
        writeAtomic: async (path, content) => void files.set(path, String(content)),
      },
      shutdowns: logind,
      pods: () => pods,
      end: (uid, ending) => {
        endings.set(uid, ending);
        story.push(`${time.now()} end ${uid}`);
      },
      released: async (uid, signal) => {
        const takes = stops[uid];
        if (takes === undefined) return untilAborted(signal);
        await clock.sleep(takes as Millis, signal);
        story.push(`${time.now()} gone ${uid}`);
      },
      onChange: () => story.push(`${shutdown.problem}; ${shutdown.rejection?.reason}; held ${logind.held}`),
      onTimes: (each) => times.push(each),
    },
  );
  const ran = shutdown.run(life.signal);
  ran.catch(() => {});
  const pass = (span: number) => time.runUntil(time.now() + span, () => {});
  return { shutdown, logind, story, endings, times, files, pass, stop: () => life.abort(new Error("over")), ran };
}

const PODS = [podOf("low", 5), podOf("quick", 0, 3), podOf("high", 5000, 60)];
const BEGAN = ["Shutdown manager detected shutdown event", "node is shutting down; NodeShutdown; held 1"];

test("NodeShutdown stops group after group, holds the shutdown up meanwhile, and lets go", async () => {
  const { logind, story, endings, times, files, pass, stop } = start(PODS, { low: 4000, quick: 1000, high: 2000 });
  await pass(1000);
  assert.deepEqual([logind.held, logind.allowed], [1, [seconds(30)]]);
  logind.tell(true);
  await pass(5500);
  assert.equal(logind.held, 1);
  await pass(60_000);
  assert.deepEqual(story, [
    ...BEGAN,
    ...["1000 end low", "1000 end quick", "2000 gone quick", "5000 gone low", "5000 end high", "7000 gone high"],
  ]);
  assert.equal(logind.held, 0);
  assert.deepEqual(
    ["low", "quick", "high"].map((name) => endings.get(name)?.grace),
    [seconds(20), seconds(3), seconds(10)],
  );
  const message = "Pod was terminated in response to imminent node shutdown.";
  assert.deepEqual(endings.get("low"), { reason: "Terminated", message, disruption: message, grace: seconds(20) });
  const kept = decodeTimes(files.get("/root/graceful_node_shutdown_state") ?? "");
  assert.deepEqual([(kept?.endedAt ?? 0) - (kept?.startedAt ?? 0), times.at(-1)], [6000, kept]);
  stop();
});

test("NodeShutdown waits no longer for a group than it may take, and not at all for an empty one", async () => {
  const { logind, story, pass, stop } = start([podOf("stuck", 0)], {});
  await pass(0);
  logind.tell(true);
  await pass(19_000);
  assert.equal(logind.held, 1);
  await pass(1_000);
  assert.equal(logind.held, 0);
  assert.deepEqual(story, [...BEGAN, "0 end stuck"]);
  stop();
});

test("NodeShutdown takes pods in again when a shutdown is called off, and holds the next one", async () => {
  const { shutdown, logind, story, pass, stop } = start([podOf("low", 0)], { low: 1000 });
  await pass(0);
  logind.tell(true);
  await pass(5_000);
  logind.tell(false);
  await pass(1);
  assert.deepEqual(story.slice(-2), [
    "Shutdown manager detected shutdown cancellation",
    "undefined; undefined; held 0",
  ]);
  assert.deepEqual([shutdown.problem, shutdown.rejection, logind.held], [undefined, undefined, 1]);
  stop();
});

test("NodeShutdown stops pods of a shutdown that began while nobody listened", async () => {
  const { logind, story, pass, stop } = start([podOf("low", 0)], { low: 1000 });
  logind.inProgress = true;
  await pass(5_000);
  assert.deepEqual(story.slice(-2), ["0 end low", "1000 gone low"]);
  stop();
});

test("NodeShutdown connects anew, and does not stop pods twice", async () => {
  const { logind, story, pass, stop } = start([podOf("low", 0)], { low: 1000 });
  await pass(0);
  logind.tell("lost");
  await pass(1_500);
  assert.deepEqual([logind.watches, logind.held], [2, 1]);
  logind.tell(true);
  await pass(2_000);
  logind.inProgress = true;
  logind.tell("lost");
  await pass(2_000);
  assert.deepEqual([logind.watches, story.filter((line) => line.endsWith("end low")).length], [3, 1]);
  stop();
});

test("NodeShutdown says what is wrong where logind does not wait long enough, and tries again", async () => {
  const { logind, pass, stop } = start([], {});
  logind.obeys = false;
  await pass(5_000);
  assert.equal(logind.held, 0);
  logind.obeys = true;
  await pass(120_000);
  assert.equal(logind.held, 1);
  stop();
});

test("NodeShutdown tells when the node was last shut down, from upstream's file", async () => {
  const text = '{"startTime":"2026-11-30T10:00:00.123456789+01:00","endTime":"0001-01-01T00:00:00Z"}';
  const { times, pass, stop } = start([], {}, new Map([["/root/graceful_node_shutdown_state", text]]));
  await pass(0);
  assert.deepEqual(times, [{ startedAt: Date.UTC(2026, 10, 30, 9, 0, 0, 123), endedAt: undefined }]);
  stop();
});

test("decodeTimes() takes nonsense for nothing, and reads what encodeTimes() writes", () => {
  assert.equal(decodeTimes("{"), undefined);
  const times = { startedAt: 5_000, endedAt: undefined };
  assert.deepEqual(decodeTimes(encodeTimes(times)), times);
});
