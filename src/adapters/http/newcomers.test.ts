import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, get } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { test } from "node:test";
import { limitNewcomers } from "./newcomers.ts";

test("the one that was silent for longest makes room, and who has asked stays", async () => {
  const server = createServer((_, response) => response.end("here"));
  limitNewcomers(server, 3);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const open = async () => {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    return socket;
  };
  const talker = await open();
  talker.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await once(talker, "data");
  const silent = [await open(), await open(), await open()];
  const first = once(silent[0] ?? talker, "close");
  silent.push(await open());
  await first;
  assert.deepEqual(
    silent.map(({ destroyed }) => destroyed),
    [true, false, false, false],
  );
  talker.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await once(talker, "data");
  const [answer] = await once(get({ port, host: "127.0.0.1", agent: false }), "response");
  assert.equal(answer.statusCode, 200);
  answer.resume();
  for (const socket of [talker, ...silent]) socket.destroy();
  server.close();
});
