import assert from "node:assert/strict";
import { test } from "node:test";
import { offeredTokens } from "./tokens.ts";

const WEB = { connection: "Upgrade", upgrade: "websocket" };
const carrier = (text: string) => `base64url.bearer.authorization.k8s.io.${text}`;
const coded = (token: string) => carrier(Buffer.from(token).toString("base64url"));

interface Case {
  readonly name: string;
  readonly headers: { readonly [name: string]: string };
  readonly tokens?: readonly string[];
  readonly malformed?: boolean;
}
const cases: readonly Case[] = [
  { name: "nothing", headers: {} },
  { name: "a bearer token", headers: { authorization: "Bearer abc" }, tokens: ["abc"] },
  { name: "any case, spaces around, words behind", headers: { authorization: "  bearer abc def " }, tokens: ["abc"] },
  { name: "another scheme", headers: { authorization: "Basic eDp5" }, malformed: true },
  { name: "two spaces", headers: { authorization: "Bearer  abc" }, malformed: true },
  { name: "no token", headers: { authorization: "Bearer" }, malformed: true },
  {
    name: "a subprotocol beside another one",
    headers: { ...WEB, "sec-websocket-protocol": `v4.channel.k8s.io, ${coded("töken")}` },
    tokens: ["töken"],
  },
  { name: "a subprotocol alone", headers: { ...WEB, "sec-websocket-protocol": coded("t") }, malformed: true },
  {
    name: "a subprotocol without a WebSocket",
    headers: { "sec-websocket-protocol": `a, ${coded("t")}` },
    malformed: true,
  },
  {
    name: "two subprotocols",
    headers: { ...WEB, "sec-websocket-protocol": `a, ${coded("t")}, ${coded("t")}` },
    malformed: true,
  },
  { name: "no base64url", headers: { ...WEB, "sec-websocket-protocol": `a, ${carrier("a+b=")}` }, malformed: true },
  { name: "no UTF-8", headers: { ...WEB, "sec-websocket-protocol": `a, ${carrier("_w")}` }, malformed: true },
  {
    name: "both",
    headers: { ...WEB, authorization: "Bearer one", "sec-websocket-protocol": `a, ${coded("two")}` },
    tokens: ["one", "two"],
  },
];
for (const { name, headers, tokens = [], malformed = false } of cases) {
  test(`offeredTokens() of ${name}`, () => assert.deepEqual(offeredTokens(headers), { tokens, malformed }));
}
