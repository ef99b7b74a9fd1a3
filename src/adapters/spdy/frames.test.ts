import assert from "node:assert/strict";
import { test } from "node:test";
import { constants, inflateRawSync } from "node:zlib";
import { ByteReader } from "./byte-reader.ts";
import { dataFrame, type Frame, pingFrame, readFrames, StreamOpener } from "./frames.ts";

async function* chunked(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
async function framesOf(bytes: Buffer, size = bytes.length): Promise<Frame[]> {
  const frames: Frame[] = [];
  for await (const frame of readFrames(new ByteReader(chunked(bytes, size)))) frames.push(frame);
  return frames;
}
const control = (type: number, body: readonly number[], flags = 0, version = 3): Buffer =>
  Buffer.from([0x80, version, 0, type, flags, 0, 0, body.length, ...body]);

test("StreamOpener numbers streams oddly and sends their headers in one zlib stream of stored blocks", () => {
  const opener = new StreamOpener();
  const one = opener.open({ streamType: "error" });
  const two = opener.open({ port: "80", requestID: "1" });
  assert.deepEqual([one.stream, two.stream], [1, 3]);
  const frame = Buffer.concat(one.frame);
  assert.deepEqual(
    frame.subarray(0, 18).toString("hex"),
    `80030001000000${(frame.length - 8).toString(16)}00000001000000000000`,
  );
  // Deflate, made with SPDY's dictionary of this checksum.
  assert.equal(frame.subarray(18, 24).toString("hex"), "78bbe3c6a7c2");
  const blocks = Buffer.concat([frame.subarray(24), Buffer.concat(two.frame).subarray(18)]);
  const headers = inflateRawSync(blocks, { finishFlush: constants.Z_SYNC_FLUSH });
  const pair = (text: string) => `${text.length.toString(16).padStart(8, "0")}${Buffer.from(text).toString("hex")}`;
  assert.equal(
    headers.toString("hex"),
    [
      "00000001",
      pair("streamtype"),
      pair("error"),
      "00000002",
      pair("port"),
      pair("80"),
      pair("requestid"),
      pair("1"),
    ].join(""),
  );
});

test("StreamOpener takes headers longer than a stored block", () => {
  const value = "x".repeat(150_000);
  const body = Buffer.concat(new StreamOpener().open({ a: value }).frame).subarray(24);
  const headers = inflateRawSync(body, { finishFlush: constants.Z_SYNC_FLUSH });
  assert.equal(headers.subarray(13).toString(), value);
});

const stream = Buffer.concat([
  ...dataFrame(1, Buffer.from("hello")),
  control(2, [0, 0, 0, 3, 0, 0]),
  ...dataFrame(3, Buffer.alloc(0), true),
  ...pingFrame(7),
  control(3, [0, 0, 0, 5, 0, 0, 0, 2]),
  control(9, [0, 0, 0, 1, 0, 0, 1, 0]),
  control(7, [0, 0, 0, 0, 0, 0, 0, 0]),
]);
const expected: readonly Frame[] = [
  { kind: "data", stream: 1, bytes: Buffer.from("hello"), fin: false },
  { kind: "opened", stream: 3, fin: false },
  { kind: "data", stream: 3, bytes: Buffer.alloc(0), fin: true },
  { kind: "ping", id: 7 },
  { kind: "reset", stream: 5, status: 2 },
  { kind: "other" },
  { kind: "goaway" },
];
test("readFrames() reads what comes, whole", async () => assert.deepEqual(await framesOf(stream), expected));

test("readFrames() reads the same byte by byte, with data in parts", async () => {
  const frames = await framesOf(stream, 1);
  const hello = frames.filter((frame) => frame.kind === "data" && frame.stream === 1);
  assert.equal(hello.map((frame) => (frame.kind === "data" ? frame.bytes.toString() : "")).join(""), "hello");
  assert.deepEqual(frames.slice(5), expected.slice(1));
});

const endings: readonly [name: string, bytes: Buffer][] = [
  ["another version", control(4, [], 0, 2)],
  ["a control frame of 16 MiB", Buffer.from([0x80, 3, 0, 4, 0, 0xff, 0xff, 0xff])],
  ["half a header", Buffer.from([0x80, 3])],
  ["half a body", control(4, [1, 2, 3, 4]).subarray(0, 10)],
  ["data that does not come", Buffer.from([0, 0, 0, 1, 0, 0, 0, 5])],
];
for (const [name, bytes] of endings) {
  test(`readFrames() ends at ${name}`, async () => assert.deepEqual(await framesOf(bytes), []));
}
