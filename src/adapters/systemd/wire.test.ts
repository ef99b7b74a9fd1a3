import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { BusValue } from "./marshal.ts";
import { decodeMessage, encodeMessage, type Message, messageLength } from "./wire.ts";

/** What dbus-daemon 1.14 answered to a first Hello: a reply, and the signal NameAcquired. */
const ANSWERED = Buffer.from(
  [
    "6c02010109000000010000003d00000006017300040000003a312e30000000000501750001000000080167000173000007017300140000006f72672e",
    "667265656465736b746f702e4442757300000000040000003a312e30006c04010109000000020000008d00000001016f00150000002f6f72672f6672",
    "65656465736b746f702f4442757300000002017300140000006f72672e667265656465736b746f702e4442757300000000030173000c0000004e616d",
    "6541637175697265640000000006017300040000003a312e3000000000080167000173000007017300140000006f72672e667265656465736b746f70",
    "2e4442757300000000040000003a312e3000",
  ].join(""),
  "hex",
);
/** The call that it took for a Hello. */
const HELLO =
  "6c01000100000000010000006d00000001016f00150000002f6f72672f667265656465736b746f702f4442757300000002017300140000006f72672e667265656465736b746f702e4442757300000000030173000500000048656c6c6f00000006017300140000006f72672e667265656465736b746f702e4442757300000000";
const BUS = "org.freedesktop.DBus";
const NAME_ACQUIRED: Message = {
  kind: "signal",
  serial: 2,
  path: "/org/freedesktop/DBus",
  interface: BUS,
  member: "NameAcquired",
  destination: ":1.0",
  sender: BUS,
  signature: "s",
  body: [":1.0"],
};

test("messages are what a bus sends and takes", () => {
  const length = messageLength(ANSWERED);
  const [reply, signal] = [ANSWERED.subarray(0, length), ANSWERED.subarray(length)];
  assert.equal(messageLength(signal), signal.length);
  const { kind, replyTo, body } = decodeMessage(reply);
  assert.deepEqual([kind, replyTo, body], ["reply", 1, [":1.0"]]);
  assert.deepEqual(decodeMessage(signal), NAME_ACQUIRED);
  const { sender: _, ...bare } = NAME_ACQUIRED;
  const hello = {
    ...bare,
    kind: "call",
    serial: 1,
    member: "Hello",
    destination: BUS,
    signature: "",
    body: [],
  } as const;
  assert.equal(encodeMessage(hello).toString("hex"), HELLO);
  assert.equal(messageLength(signal.subarray(0, 15)), undefined);
});

const call = (signature: string, body: readonly BusValue[]): Message => ({
  ...NAME_ACQUIRED,
  kind: "call",
  signature,
  body,
});
const SAME: readonly (readonly [signature: string, body: readonly BusValue[]])[] = [
  ["", []],
  ["ybnqiuxtd", [255, true, -5, 65_535, -7, 4_294_967_295, -9n, 2n ** 64n - 1n, 0.5]],
  ["sog", ["grüße", "/a/b", "a{sv}"]],
  ["yat", [1, [1n, 2n]]],
  ["ya(yv)", [1, [[2, { type: "as", value: ["x", ""] }]]]],
  ["a{sv}aas", [[["k", { type: "v", value: { type: "b", value: false } }]], [["a"], []]]],
  [
    "ssa(sv)a(sa(sv))",
    ["a.slice", "replace", [["Wants", { type: "as", value: ["-.slice"] }]], [["x", [["y", { type: "t", value: 1n }]]]]],
  ],
];
for (const [signature, body] of SAME)
  test(`values of "${signature}" come back as they went`, () => {
    assert.deepEqual(decodeMessage(encodeMessage(call(signature, body))).body, body);
  });

test("a message that was changed on its way is read, or refused with a RangeError, and never in long time", () => {
  const whole = encodeMessage(call("ssa(sv)a(sa(sv))v", [...(SAME.at(-1)?.[1] ?? []), { type: "at", value: [1n] }]));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 }), (changes) => {
      const bytes = Buffer.from(whole);
      for (const [at, value] of changes) bytes[at] = value;
      try {
        decodeMessage(bytes);
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
      }
    }),
  );
});

const BAD: readonly (readonly [name: string, run: () => unknown])[] = [
  ["big-endian", () => messageLength(Buffer.concat([Buffer.from("B"), Buffer.alloc(20)]))],
  [
    "longer than anything that is asked for",
    () => messageLength(Buffer.from("6c040001ffffff7f0500000000000000", "hex")),
  ],
  ["an unknown type", () => encodeMessage(call("z", [1]))],
  ["an open struct", () => encodeMessage(call("(s", [["a"]]))],
  ["types without end", () => encodeMessage(call("a".repeat(100), []))],
  ["a variant of two types", () => encodeMessage(call("v", [{ type: "ss", value: "a" }]))],
];
for (const [name, run] of BAD) test(`refuses ${name}`, () => assert.throws(run, RangeError));
