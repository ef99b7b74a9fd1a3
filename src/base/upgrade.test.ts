import assert from "node:assert/strict";
import { test } from "node:test";
import { subprotocolsOf, upgradeOf } from "./upgrade.ts";

const cases: readonly [headers: { readonly [name: string]: string | readonly string[] }, wanted: string | undefined][] =
  [
    [{ connection: "Upgrade", upgrade: "SPDY/3.1" }, "spdy"],
    [{ connection: "keep-alive, upgrade", upgrade: "websocket" }, "websocket"],
    [{ connection: ["keep-alive", "Upgrade"], upgrade: "WebSocket" }, "websocket"],
    [{ connection: "keep-alive", upgrade: "websocket" }, undefined],
    [{ connection: "upgrades", upgrade: "websocket" }, undefined],
    [{ connection: "Upgrade", upgrade: "h2c" }, undefined],
    [{ connection: "Upgrade" }, undefined],
    [{}, undefined],
  ];
for (const [headers, wanted] of cases) {
  test(`upgradeOf() ${JSON.stringify(headers)} is ${wanted}`, () => assert.equal(upgradeOf(headers), wanted));
}

test("subprotocolsOf() reads one header or several", () => {
  assert.deepEqual(subprotocolsOf({ "sec-websocket-protocol": "a, b,,c" }), ["a", "b", "c"]);
  assert.deepEqual(subprotocolsOf({ "sec-websocket-protocol": ["a", "b"] }), ["a", "b"]);
  assert.deepEqual(subprotocolsOf({}), []);
});
