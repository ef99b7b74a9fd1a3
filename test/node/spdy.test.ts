/** WebSockets in front, a streaming server that speaks SPDY/3.1 behind: as bytes on real sockets. kubectl's own are in test/cluster. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { waitFor } from "../../scripts/lib/wait.ts";
import { createHttpServers } from "../../src/adapters/http/index.ts";
import { ByteReader } from "../../src/adapters/spdy/byte-reader.ts";
import { dataFrame, pingFrame, readFrames } from "../../src/adapters/spdy/frames.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Passage } from "../../src/ports/http-server.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const SWITCHING = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n";
const PATIENCE = { timeout: 60_000 };
const TERMINAL: Passage = { kind: "channels", stdin: true, stdout: true, stderr: false, tty: true };

/** Accepts one connection after the other and lets `serve` speak SPDY on it. */
async function runtimeThat(serve: (socket: Socket) => void, version = "v4.channel.k8s.io") {
  const open = new Set<Socket>();
  const requests: string[] = [];
  const server = createServer({ noDelay: true }, (socket) => {
    open.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => open.delete(socket));
    socket.once("data", (head) => {
      requests.push(String(head));
      socket.write(`${SWITCHING}X-Stream-Protocol-Version: ${version}\r\n\r\n`);
      serve(socket);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    open,
    requests,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/exec/t`,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

const proxyTo = (to: string, passage: Passage) =>
  createHttpServers(silentLog).plain({ host: "127.0.0.1", port: 0 }, async () => ({ to, passage }));

function masked(opcode: number, payload: Uint8Array, fin = true): Buffer {
  const mask = Buffer.from([1, 2, 3, 4]);
  const size = Math.min(payload.length, 126);
  const header = Buffer.from([(fin ? 0x80 : 0) | opcode, 0x80 | size]);
  const long = Buffer.alloc(size === 126 ? 2 : 0);
  if (size === 126) long.writeUInt16BE(payload.length);
  return Buffer.concat([header, long, mask, payload.map((byte, at) => byte ^ (mask[at & 3] ?? 0))]);
}
const message = (channel: number, text: string) =>
  masked(2, Buffer.concat([Buffer.from([channel]), Buffer.from(text)]));

/** A WebSocket client that collects what comes: `{opcode, payload}`. */
class Client {
  readonly socket: Socket;
  readonly frames: { readonly opcode: number; readonly payload: Buffer }[] = [];
  handshake = "";

  constructor(address: string, protocol: string, lines = "") {
    const [host, port] = address.split(":");
    this.socket = connect({ host, port: Number(port), noDelay: true });
    this.socket.on("error", () => {});
    const headers = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: ${protocol}\r\n${lines}`;
    const version = lines.includes("Sec-WebSocket-Version") ? "" : "Sec-WebSocket-Version: 13\r\n";
    this.socket.write(`GET /exec/a/b/c HTTP/1.1\r\nHost: n\r\n${headers}${version}Sec-WebSocket-Key: ${KEY}\r\n\r\n`);
    void this.#read();
  }

  send(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** The texts of a channel so far. */
  channel(number: number): string {
    return this.frames
      .filter(({ opcode, payload }) => opcode === 2 && payload[0] === number)
      .map(({ payload }) => payload.subarray(1).toString())
      .join("");
  }

  says(what: string, done: () => boolean) {
    return waitFor(what, done, { ...PATIENCE, explain: () => JSON.stringify([this.handshake, this.frames]) });
  }

  async #read(): Promise<void> {
    const reader = new ByteReader(this.socket);
    while (!this.handshake.endsWith("\r\n\r\n")) {
      const byte = await reader.exactly(1);
      if (byte === undefined) return;
      this.handshake += byte.toString("latin1");
    }
    for (;;) {
      const start = await reader.exactly(2);
      if (start === undefined) return;
      const [one = 0, size = 0] = start;
      const long = size === 126 ? await reader.exactly(2) : undefined;
      const payload = await reader.exactly(long?.readUInt16BE() ?? size);
      if (payload === undefined) return;
      this.frames.push({ opcode: one & 15, payload });
    }
  }
}

/** Streams 1, 3, … are error, stdin, stdout, resize of a terminal. */
const STREAMS = { error: 1, stdin: 3, stdout: 5, resize: 7 };

test("a terminal: what is typed, sizes and the end of input go in, output and status come out", async () => {
  const heard = { stdin: "", resize: "" };
  let fin = false;
  await using runtime = await runtimeThat((socket) => {
    void (async () => {
      socket.write(Buffer.concat(pingFrame(2)));
      for await (const frame of readFrames(new ByteReader(socket))) {
        if (frame.kind === "ping" && frame.id === 2)
          socket.write(Buffer.concat(dataFrame(STREAMS.stdout, Buffer.from("ready "))));
        if (frame.kind !== "data") continue;
        if (frame.stream === STREAMS.stdin) heard.stdin += frame.bytes;
        if (frame.stream === STREAMS.resize) heard.resize += frame.bytes;
        if (frame.stream !== STREAMS.stdin || !frame.fin) continue;
        fin = true;
        const status = Buffer.from('{"status":"Failure","reason":"NonZeroExitCode"}');
        const last = [
          ...dataFrame(STREAMS.error, status.subarray(0, 9)),
          ...dataFrame(STREAMS.error, status.subarray(9), true),
          ...dataFrame(STREAMS.stdout, Buffer.from("bye"), true),
        ];
        socket.write(Buffer.concat(last));
      }
    })();
  });
  await using proxy = await proxyTo(runtime.url, TERMINAL);
  const client = new Client(proxy.address, "v5.channel.k8s.io, v4.channel.k8s.io");
  await client.says("the first output", () => client.channel(1) === "ready ");
  assert.match(
    client.handshake,
    /Sec-WebSocket-Protocol: v5\.channel\.k8s\.io\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/,
  );
  assert.deepEqual(client.frames[0], { opcode: 2, payload: Buffer.from([1]) }, "an empty message first");
  assert.match(runtime.requests[0] ?? "", /^POST \/exec\/t HTTP\/1\.1\r\n/);
  assert.match(
    runtime.requests[0] ?? "",
    /\r\nupgrade: SPDY\/3\.1\r\n[\s\S]*x-stream-protocol-version: v4\.channel\.k8s\.io\r\n/i,
  );
  assert.doesNotMatch(runtime.requests[0] ?? "", /sec-websocket/i);
  client.send(masked(9, Buffer.from("are you there")));
  // One message in three frames, with a ping between.
  client.send(
    Buffer.concat([
      masked(2, Buffer.from([0]), false),
      masked(9, Buffer.from("x")),
      masked(0, Buffer.from("ls"), false),
      masked(0, Buffer.from("\n")),
    ]),
  );
  client.send(message(4, '{"Width":80,"Height":24}'));
  client.send(message(7, "no such channel"));
  client.send(masked(2, Buffer.from([255, 0])));
  await client.says("the end", () => client.frames.some(({ opcode }) => opcode === 8));
  assert.deepEqual([heard, fin], [{ stdin: "ls\n", resize: '{"Width":80,"Height":24}' }, true]);
  assert.equal(client.channel(1), "ready bye");
  assert.equal(client.channel(3), '{"status":"Failure","reason":"NonZeroExitCode"}');
  assert.deepEqual(
    client.frames.filter(({ opcode }) => opcode === 10).map(({ payload }) => String(payload)),
    ["are you there", "x"],
  );
  assert.deepEqual(client.frames.at(-1), { opcode: 8, payload: Buffer.from([3, 232]) });
  client.socket.end();
  await waitFor("the runtime's side to close", () => runtime.open.size === 0, PATIENCE);
});

test("a runtime that breaks off is a failure, not a success", async () => {
  await using runtime = await runtimeThat((socket) => {
    socket.write(Buffer.concat(dataFrame(STREAMS.stdout, Buffer.from("half"))), () => socket.destroy());
  });
  await using proxy = await proxyTo(runtime.url, TERMINAL);
  const client = new Client(proxy.address, "v5.channel.k8s.io");
  await client.says("the end", () => client.frames.some(({ opcode }) => opcode === 8));
  assert.equal(client.channel(1), "half");
  const status = JSON.parse(client.channel(3));
  assert.deepEqual([status.status, status.code], ["Failure", 500]);
  client.socket.destroy();
});

test("no status is success, as older runtimes mean it", async () => {
  await using runtime = await runtimeThat((socket) => {
    socket.write(
      Buffer.concat([STREAMS.error, STREAMS.stdout].flatMap((id) => [...dataFrame(id, Buffer.alloc(0), true)])),
    );
  });
  await using proxy = await proxyTo(runtime.url, TERMINAL);
  const client = new Client(proxy.address, "v5.channel.k8s.io");
  await client.says("the end", () => client.frames.some(({ opcode }) => opcode === 8));
  assert.equal(JSON.parse(client.channel(3)).status, "Success");
  client.socket.destroy();
});

const bad: readonly [name: string, bytes: Buffer][] = [
  ["an unmasked frame", Buffer.from([0x82, 1, 0])],
  ["a reserved bit", Buffer.from([0xc2, 0x80, 0, 0, 0, 0])],
  ["text", masked(1, Buffer.from("0hello"))],
  ["a continuation of nothing", masked(0, Buffer.from("x"))],
  ["a message inside a message", Buffer.concat([masked(2, Buffer.from([0]), false), masked(2, Buffer.from([0]))])],
  ["a long ping", masked(9, Buffer.alloc(126))],
  ["a ping in pieces", masked(9, Buffer.from("x"), false)],
  ["a length of 2^63", Buffer.from([0x82, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4])],
];
for (const [name, bytes] of bad) {
  test(`${name} ends the WebSocket with 1002 and the runtime's side with it`, async () => {
    await using runtime = await runtimeThat((socket) => void socket.resume());
    await using proxy = await proxyTo(runtime.url, TERMINAL);
    const client = new Client(proxy.address, "v5.channel.k8s.io");
    await client.says("the handshake", () => client.frames.length > 0);
    client.send(bytes);
    await client.says("the close", () => client.frames.some(({ opcode }) => opcode === 8));
    assert.equal(client.frames.find(({ opcode }) => opcode === 8)?.payload.readUInt16BE(), 1002);
    await waitFor("both sides to close", () => runtime.open.size === 0, PATIENCE);
    client.socket.destroy();
  });
}

for (const [name, end] of [
  ["a client that dies", (client: Client) => client.socket.resetAndDestroy()],
  ["a client that says goodbye", (client: Client) => client.send(masked(8, Buffer.from([3, 232])))],
] as const) {
  test(`${name} takes the runtime's side with it`, async () => {
    await using runtime = await runtimeThat((socket) => void socket.resume());
    await using proxy = await proxyTo(runtime.url, TERMINAL);
    const client = new Client(proxy.address, "v5.channel.k8s.io");
    await client.says("the handshake", () => client.frames.length > 0);
    end(client);
    await waitFor("the runtime's side to close", () => runtime.open.size === 0, PATIENCE);
    client.socket.destroy();
  });
}

test("a tunnel carries bytes as they are, in messages of any size", async () => {
  await using runtime = await runtimeThat((socket) => void socket.pipe(socket), "portforward.k8s.io");
  await using proxy = await proxyTo(runtime.url, { kind: "tunnel" });
  const client = new Client(proxy.address, "SPDY/3.1+portforward.k8s.io, other");
  const text = "x".repeat(300);
  client.send(
    Buffer.concat([
      masked(2, Buffer.from("one ")),
      masked(2, Buffer.from("two "), false),
      masked(0, Buffer.from(text)),
    ]),
  );
  await client.says(
    "the echo",
    () => client.frames.map(({ payload }) => String(payload)).join("") === `one two ${text}`,
  );
  assert.match(client.handshake, /Sec-WebSocket-Protocol: SPDY\/3\.1\+portforward\.k8s\.io\r\n/);
  assert.match(runtime.requests[0] ?? "", /^POST [\s\S]*x-stream-protocol-version: portforward\.k8s\.io\r\n/i);
  client.send(masked(8, Buffer.from([3, 232])));
  await waitFor("the runtime's side to close", () => runtime.open.size === 0, PATIENCE);
  client.socket.destroy();
});

test("what is no WebSocket handshake is refused before the runtime is asked", async () => {
  await using runtime = await runtimeThat(() => {});
  await using proxy = await proxyTo(runtime.url, TERMINAL);
  const client = new Client(proxy.address, "v5.channel.k8s.io", "Sec-WebSocket-Version: 8\r\n");
  await client.says("the refusal", () => client.handshake.startsWith("HTTP/1.1 400"));
  assert.equal(runtime.requests.length, 0);
  client.socket.destroy();
});
