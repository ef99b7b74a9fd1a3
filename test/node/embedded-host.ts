/**
 * A kubelet reduced to its embedded runtime, as a process of its own that embedded.test.ts can kill.
 * `embedded-host.ts start OPTIONS` prints one JSON line when ready, its log as further lines, and supervises until it is killed.
 * `embedded-host.ts stop ROOT` removes what is left. OPTIONS is the JSON of EmbeddedOptions.
 */
import { setTimeout as delay } from "node:timers/promises";
import { startEmbedded, stopEmbedded } from "../../src/adapters/containerd/index.ts";
import type { Log, LogFields } from "../../src/base/log.ts";
import { type Instant, instant, type Millis } from "../../src/base/units.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { CriCalls } from "./embedded-cri.ts";

const say = (value: object) => process.stdout.write(`${JSON.stringify(value)}\n`);
const line = (level: string) => (message: string, fields?: LogFields) => say({ level, message, ...fields });
const log: Log = {
  error: line("error"),
  warn: line("warn"),
  info: line("info"),
  debug: (_level, message, fields) => line("debug")(message, fields),
  with: () => log,
};
const clock: Clock = {
  monotonic: (): Instant => instant(performance.now()),
  wall: () => new Date(),
  sleep: async (span: Millis, signal: AbortSignal) => {
    signal.throwIfAborted();
    await delay(span, undefined, { signal }).catch(() => signal.throwIfAborted());
  },
};

const [command, argument = ""] = process.argv.slice(2);
const never = new AbortController().signal;
if (command === "stop") {
  await stopEmbedded(argument, { log, clock }, never);
} else {
  const begin = performance.now();
  try {
    const runtime = await startEmbedded(
      JSON.parse(argument),
      {
        log,
        clock,
        probe: async (endpoint) => {
          using cri = new CriCalls(endpoint);
          await cri.version();
        },
        hasImage: async (endpoint, image) => {
          using cri = new CriCalls(endpoint);
          return await cri.hasImage(image); // awaited: the client closes at the end of this scope
        },
      },
      never,
    );
    say({ ready: true, tookMs: Math.round(performance.now() - begin), ...runtime });
    setInterval(() => {}, 1 << 30);
  } catch (error) {
    say({ refused: error instanceof Error ? error.message : String(error) });
  }
}
