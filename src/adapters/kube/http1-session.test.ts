import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { test } from "node:test";
import { Http1Session } from "./http1-session.ts";

const REQUEST = { method: "GET", path: "/", headers: {}, body: undefined, isWatch: false };

/** A session whose first connection is open and was not used yet. */
async function started() {
  const server = http.createServer((_, response) => response.end("hello"));
  const accepted: Socket[] = [];
  server.on("connection", (socket) => void accepted.push(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const dialled: Socket[] = [];
  /** Where a test holds connections up. */
  const door = { opens: Promise.resolve() };
  const dial = async () => {
    const socket = connect(port, "127.0.0.1");
    dialled.push(socket);
    await once(socket, "connect");
    await door.opens;
    return socket;
  };
  const session = new Http1Session("localhost", await dial(), dial);
  while (accepted.length === 0) await once(server, "connection");
  return {
    ...{ session, accepted, dialled, door },
    async [Symbol.asyncDispose]() {
      session.destroy();
      for (const socket of dialled) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

const closed = (socket: Socket | undefined) =>
  new Promise<void>((resolve) => (socket?.closed ? resolve() : socket?.once("close", () => resolve())));

for (const end of ["retire", "destroy"] as const)
  test(`${end}: a connection that was never used goes, too`, { timeout: 5_000 }, async () => {
    await using made = await started();
    made.session[end]();
    assert.ok(made.session.isClosed);
    await closed(made.dialled[0]);
  });

test("a reset of a connection that was never used harms nobody", { timeout: 5_000 }, async () => {
  await using made = await started();
  made.accepted[0]?.resetAndDestroy();
  await closed(made.dialled[0]);
  const answer = await made.session.send(REQUEST, new AbortController().signal);
  assert.equal(answer.status, 200);
  for await (const _ of answer.body);
  assert.equal(made.dialled.length, 2);
});

test("a connection that comes when nobody wants it any more goes", { timeout: 5_000 }, async () => {
  await using made = await started();
  const door = Promise.withResolvers<void>();
  made.door.opens = door.promise;
  made.accepted[0]?.destroy();
  await closed(made.dialled[0]);
  const life = new AbortController();
  const asked = made.session.send(REQUEST, life.signal);
  while (made.dialled.length < 2) await new Promise(setImmediate);
  life.abort();
  await assert.rejects(asked);
  made.session.retire();
  door.resolve();
  await closed(made.dialled[1]);
});
