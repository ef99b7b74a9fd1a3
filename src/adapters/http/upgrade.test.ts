import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { type TestContext, test } from "node:test";
import { silentLog } from "../../base/log.ts";
import { shouldUpgrade, upgradeWith } from "./upgrade.ts";

/** A client that was refused and has heard the server's end of the connection. `open` tells how many connections the server has. */
async function refused(t: TestContext) {
  let open = 0;
  const gone = Promise.withResolvers<void>();
  const server = createServer({ shouldUpgradeCallback: shouldUpgrade });
  const handler = async () => ({ status: 401, headers: {}, body: "Unauthorized" });
  const end = upgradeWith(server, { handler, peerOf: () => ({ kind: "plain" }), log: silentLog }, (count) => {
    open = count;
    if (count === 0) gone.resolve();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", allowHalfOpen: true });
  client.on("error", () => {});
  t.after(() => {
    end();
    client.destroy();
    server.close();
  });
  let said = "";
  client.on("data", (chunk) => (said += chunk));
  client.write("POST /exec HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n");
  await once(client, "end");
  assert.match(said, /^HTTP\/1\.1 401 /);
  return { client, gone: gone.promise, open: () => open };
}

test("a client that says more than it was asked to, and ends, takes no place any more", async (t) => {
  const { client, gone } = await refused(t);
  client.end("frames of the protocol that it did not get");
  await gone;
});

test("a client that was refused and stays is ended, whatever it says", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { client, gone, open } = await refused(t);
  client.write("still here");
  t.mock.timers.tick(9_999);
  assert.equal(open(), 1);
  t.mock.timers.tick(1);
  await gone;
});
