import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import net, { type AddressInfo, type Socket } from "node:net";
import { test } from "node:test";
import { instant, type Millis, millis } from "../../base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import { Http2Session } from "./http2-session.ts";

const { signal } = new AbortController();
const WATCH = { method: "GET", path: "/watch", headers: {}, body: undefined, isWatch: true };
const IDLE = millis(20);
const ANSWER = millis(50);

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Time stands still until a sleep is let pass: however slowly this process runs, no answer is late that comes at all. */
class HandClock implements Clock {
  #now = 0;
  readonly #sleepers = new Set<{ readonly span: number; readonly wake: () => void }>();
  monotonic = () => instant(this.#now);
  wall = () => new Date(this.#now);
  async sleep(span: Millis, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sleeper = { span, wake: resolve };
    this.#sleepers.add(sleeper);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    await promise.finally(() => this.#sleepers.delete(sleeper));
  }
  /** Waits until somebody sleeps for this span, and lets it pass. */
  async pass(span: Millis): Promise<void> {
    for (;;) {
      const sleeper = [...this.#sleepers].find((each) => each.span === span);
      if (sleeper) {
        this.#now += span;
        return sleeper.wake();
      }
      await turn();
    }
  }
}

/** A session to a server behind a wire that can be stopped without being cut. */
async function open({ readIdle = IDLE } = {}) {
  const server = http2.createServer();
  let pings = 0;
  const sessions: http2.ServerHttp2Session[] = [];
  server.on("session", (session) => {
    sessions.push(session);
    session.on("ping", () => void pings++).on("error", () => {});
  });
  const streams: http2.ServerHttp2Stream[] = [];
  server.on("request", (_, response) => {
    streams.push(response.stream);
    response.stream.on("error", () => {});
    response.writeHead(200);
    response.write("begin\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const sockets: Socket[] = [];
  const wire = net.createServer((near) => {
    const far = net.connect((server.address() as AddressInfo).port, "127.0.0.1");
    sockets.push(near, far);
    for (const socket of [near, far]) socket.on("error", () => {});
    near.pipe(far).pipe(near);
  });
  wire.listen(0, "127.0.0.1");
  await once(wire, "listening");
  const socket = net.connect((wire.address() as AddressInfo).port, "127.0.0.1");
  await once(socket, "connect");
  const clock = new HandClock();
  const session = await Http2Session.open("http://localhost", socket, clock, { readIdle, pingAnswer: ANSWER });
  return {
    session,
    clock,
    pings: () => pings,
    goaway: () => {
      for (const session of sessions) session.goaway();
    },
    /** Ends the answers to all requests. */
    end: () => {
      for (const stream of streams) stream.end();
    },
    stop: () => {
      for (const socket of sockets) socket.unpipe();
    },
    async [Symbol.asyncDispose]() {
      session.destroy();
      for (const socket of sockets) socket.destroy();
      wire.close();
      server.close();
    },
  };
}

test("a peer that is silent is asked, and one that answers is kept", async () => {
  await using peer = await open();
  const response = await peer.session.send(WATCH, signal);
  // It is quiet again only after an answer.
  for (let asked = 0; asked < 3; asked++) await peer.clock.pass(IDLE);
  while (peer.pings() < 3) await turn();
  assert.equal(peer.session.isFree, true);
  assert.equal(response.status, 200);
});

test("a peer that does not answer any more is given up, with the reason", async () => {
  await using peer = await open();
  const response = await peer.session.send(WATCH, signal);
  const chunks = Array.fromAsync(response.body);
  peer.stop();
  await peer.clock.pass(IDLE);
  await peer.clock.pass(ANSWER);
  await assert.rejects(chunks, /no answer to a ping within 0.05 s/);
  assert.equal(response.isWhole(), false);
  assert.equal(peer.session.isClosed, true);
});

test("probe() asks at once, however long silence is allowed", async () => {
  await using peer = await open({ readIdle: millis(3600_000) });
  const response = await peer.session.send(WATCH, signal);
  const chunks = Array.fromAsync(response.body);
  peer.stop();
  peer.session.probe();
  await peer.clock.pass(ANSWER);
  await assert.rejects(chunks, /no answer to a ping/);
});

test("a retired session's watch goes on, and its peer is asked as before", async () => {
  await using peer = await open();
  const response = await peer.session.send(WATCH, signal);
  const chunks = Array.fromAsync(response.body);
  peer.session.retire();
  assert.equal(peer.session.isOver, true);
  for (let asked = 0; asked < 10; asked++) await peer.clock.pass(IDLE);
  while (peer.pings() < 10) await turn();
  assert.equal(peer.session.isClosed, false);
  peer.end();
  await chunks;
  assert.equal(response.isWhole(), true);
  while (!peer.session.isClosed) await turn();
});

test("a watch goes on over a session that the peer will end, which takes no ping", async () => {
  await using peer = await open();
  const response = await peer.session.send(WATCH, signal);
  const chunks = Array.fromAsync(response.body);
  peer.goaway();
  while (!peer.session.isOver) await turn();
  for (let asked = 0; asked < 10; asked++) await peer.clock.pass(IDLE);
  assert.equal(peer.pings(), 0);
  peer.end();
  await chunks;
  assert.equal(response.isWhole(), true);
});
