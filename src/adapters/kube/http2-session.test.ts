import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import net, { type AddressInfo, type Socket } from "node:net";
import { test } from "node:test";
import { millis } from "../../base/units.ts";
import { createClock } from "../linux/clock.ts";
import { Http2Session } from "./http2-session.ts";

const { signal } = new AbortController();
const WATCH = { method: "GET", path: "/watch", headers: {}, body: undefined, isWatch: true };

/** A session to a server behind a wire that can be stopped without being cut. */
async function open(times: { readonly readIdle: number; readonly pingAnswer: number }) {
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
  const { readIdle, pingAnswer } = times;
  const session = await Http2Session.open("http://localhost", socket, createClock(), {
    readIdle: millis(readIdle),
    pingAnswer: millis(pingAnswer),
  });
  return {
    session,
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
  await using peer = await open({ readIdle: 20, pingAnswer: 5000 });
  const response = await peer.session.send(WATCH, signal);
  while (peer.pings() < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(peer.session.isFree, true);
  assert.equal(response.status, 200);
});

test("a peer that does not answer any more is given up, with the reason", async () => {
  await using peer = await open({ readIdle: 20, pingAnswer: 50 });
  const response = await peer.session.send(WATCH, signal);
  const chunks = Array.fromAsync(response.body);
  peer.stop();
  await assert.rejects(chunks, /no answer to a ping within 0.05 s/);
  assert.equal(response.isWhole(), false);
  assert.equal(peer.session.isClosed, true);
});

test("probe() asks at once, however long silence is allowed", async () => {
  await using peer = await open({ readIdle: 3600_000, pingAnswer: 50 });
  const response = await peer.session.send(WATCH, signal);
  const chunks = Array.fromAsync(response.body);
  peer.stop();
  peer.session.probe();
  await assert.rejects(chunks, /no answer to a ping/);
});

test("a retired session's watch goes on, and its peer is asked as before", async () => {
  await using peer = await open({ readIdle: 20, pingAnswer: 50 });
  const response = await peer.session.send(WATCH, signal);
  const chunks = Array.fromAsync(response.body);
  peer.session.retire();
  assert.equal(peer.session.isOver, true);
  // Longer than an unanswered one would live.
  while (peer.pings() < 10) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(peer.session.isClosed, false);
  peer.end();
  await chunks;
  assert.equal(response.isWhole(), true);
  while (!peer.session.isClosed) await new Promise((resolve) => setTimeout(resolve, 5));
});

test("a watch goes on over a session that the peer will end, which takes no ping", async () => {
  await using peer = await open({ readIdle: 20, pingAnswer: 50 });
  const response = await peer.session.send(WATCH, signal);
  const chunks = Array.fromAsync(response.body);
  peer.goaway();
  while (!peer.session.isOver) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 200));
  peer.end();
  await chunks;
  assert.equal(response.isWhole(), true);
});
