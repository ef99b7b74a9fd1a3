import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import { createClock } from "../linux/clock.ts";
import { logindShutdowns, openUnits } from "./index.ts";

const never = new AbortController().signal;

/** A socket that takes connections and says nothing, as systemd's for a bus that is not up; time is over as soon as one waits for it. */
async function silentBus() {
  const folder = await mkdtemp(join(tmpdir(), "bus-"));
  const path = join(folder, "bus");
  const sockets: Socket[] = [];
  const asked = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.once("data", () => asked.resolve());
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const clock: Clock = {
    ...createClock(),
    async sleep(_, signal) {
      await asked.promise;
      signal.throwIfAborted();
    },
  };
  return {
    place: { path, kind: "bus" } as const,
    clock,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await rm(folder, { recursive: true });
    },
  };
}

const isSilence = (error: unknown) => isFault(error, "file-failed") && /no answer after 10 s$/.test(error.message);

test("a bus whose socket is there and that never answers is an error, for units and for shutdowns", {
  timeout: 20_000,
}, async () => {
  await using bus = await silentBus();
  const { place, clock } = bus;
  const stop = new AbortController();
  await assert.rejects(openUnits({ places: [place], clock }, stop.signal).version(), isSilence);
  await assert.rejects(logindShutdowns({ place, clock, dropIn: "/nowhere" }).watch(never), isSilence);
  stop.abort();
});
