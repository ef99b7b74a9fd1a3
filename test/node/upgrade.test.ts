import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { test } from "node:test";
import { waitFor } from "../../scripts/lib/wait.ts";
import { createHttpServers } from "../../src/adapters/http/index.ts";
import { silentLog } from "../../src/base/log.ts";
import type { HttpHandler, HttpListener, HttpReply, HttpUpgrade } from "../../src/ports/http-server.ts";

const SWITCHING =
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Own: 1\r\nX-Own: 2\r\n\r\n";
const WANTED = "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n";

/** A runtime's streaming server that does what the test says with each connection, once the request's headers are in. */
class StreamingServer implements AsyncDisposable {
  readonly open = new Set<Socket>();
  readonly requests: string[] = [];
  readonly #server: Server;

  private constructor(serve: (socket: Socket, request: string) => void) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.open.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => this.open.delete(socket));
      void headOf(socket).then((request) => {
        this.requests.push(request);
        serve(socket, request);
      });
    });
  }

  static async start(serve: (socket: Socket, request: string) => void): Promise<StreamingServer> {
    const started = new StreamingServer(serve);
    started.#server.listen(0, "127.0.0.1");
    await once(started.#server, "listening");
    return started;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/exec/token?x=1`;
  }

  async [Symbol.asyncDispose]() {
    for (const socket of this.open) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

/** Reads up to the empty line and puts the rest back. */
async function headOf(socket: Socket): Promise<string> {
  let text = "";
  for (;;) {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) {
      if (socket.readableEnded || socket.destroyed) return text;
      await Promise.race([once(socket, "readable"), once(socket, "close")]).catch(() => {});
      continue;
    }
    text += chunk.toString("latin1");
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) continue;
    const rest = text.slice(end + 4);
    if (rest !== "") socket.unshift(Buffer.from(rest, "latin1"));
    return text.slice(0, end + 4);
  }
}

const echo = (socket: Socket) => {
  socket.write(SWITCHING);
  socket.pipe(socket);
};

async function proxyTo(to: string | ((path: string) => HttpReply | HttpUpgrade)): Promise<HttpListener> {
  const handler: HttpHandler = async ({ path }) =>
    typeof to === "string" ? { to, passage: { kind: "bytes" } } : to(path);
  return createHttpServers(silentLog).plain({ host: "127.0.0.1", port: 0 }, handler);
}

function dial({ address }: HttpListener, lines = WANTED, method = "POST"): Socket {
  const [host, port] = address.split(":");
  const socket = connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true });
  socket.on("error", () => {});
  socket.write(`${method} /exec/a/b/c HTTP/1.1\r\nHost: node:10250\r\n${lines}\r\n`);
  return socket;
}

/** All that comes until the other side ends. */
async function textOf(socket: Socket): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part);
  return Buffer.concat(parts).toString("latin1");
}

/** Ends when the other side does. */
function endsWith(socket: Socket): void {
  socket.once("end", () => socket.end());
}

const openFiles = (): number => readdirSync("/proc/self/fd").length;
const patience = { timeout: 60_000 };

test("a streaming server gets the client's request, without what proves who it is", async () => {
  await using runtime = await StreamingServer.start(echo);
  await using proxy = await proxyTo(runtime.url);
  const client = dial(
    proxy,
    `${WANTED}Authorization: Bearer secret\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\nX-Stream-Protocol-Version: channel.k8s.io\r\n` +
      "Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.c2VjcmV0, v4.channel.k8s.io\r\nX-Forwarded-For: 10.0.0.1\r\nContent-Length: 0\r\n",
  );
  assert.equal(await headOf(client), SWITCHING);
  client.destroy();
  const [request = ""] = runtime.requests;
  assert.match(request, /^POST \/exec\/token\?x=1 HTTP\/1\.1\r\n/);
  assert.doesNotMatch(request, /secret|c2VjcmV0|transfer-encoding/i);
  for (const line of [
    "host: node:10250",
    "upgrade: SPDY/3.1",
    "x-stream-protocol-version: v4.channel.k8s.io",
    "x-stream-protocol-version: channel.k8s.io",
    "sec-websocket-protocol: v4.channel.k8s.io",
    "x-forwarded-for: 10.0.0.1, 127.0.0.1",
  ]) {
    assert.ok(request.split("\r\n").includes(line), `${line} in ${request}`);
  }
});

test("64 MiB go through and come back, with bytes that came early", async () => {
  const size = 64 * 1024 * 1024;
  await using runtime = await StreamingServer.start((socket) => {
    socket.write(`${SWITCHING}early`);
    socket.pipe(socket);
  });
  await using proxy = await proxyTo(runtime.url);
  const client = dial(proxy);
  assert.equal(await headOf(client), SWITCHING);
  const sent = createHash("sha256").update("early");
  const block = randomBytes(1024 * 1024);
  const sending = (async () => {
    for (let n = 0; n < size / block.length; n++) {
      sent.update(block);
      if (!client.write(block)) await once(client, "drain");
    }
    client.end();
  })();
  const received = createHash("sha256");
  let bytes = 0;
  for await (const part of client) {
    received.update(part);
    bytes += part.length;
  }
  await sending;
  assert.equal(bytes, size + "early".length);
  assert.equal(received.digest("hex"), sent.digest("hex"));
});

test("a client that does not read holds the runtime back", async () => {
  let taken = 0;
  await using runtime = await StreamingServer.start((socket) => {
    socket.write(SWITCHING);
    const block = Buffer.alloc(1024 * 1024);
    const more = () => {
      while (taken < 512 && socket.write(block)) taken++;
    };
    socket.on("drain", more);
    more();
  });
  await using proxy = await proxyTo(runtime.url);
  const client = dial(proxy);
  await headOf(client);
  client.pause();
  let before = -1;
  await waitFor(
    "the runtime to stand still",
    () => {
      const still = taken === before;
      before = taken;
      return still;
    },
    { ...patience, interval: 300 },
  );
  assert.ok(taken < 64, `${taken} MiB were taken from the runtime`);
  client.destroy();
});

test("an end is passed on, and the other direction goes on until it ends", async () => {
  await using runtime = await StreamingServer.start((socket) => {
    socket.write(SWITCHING);
    socket.resume();
    // Speaks only after it was told that no more comes.
    socket.once("end", () => socket.end("last words"));
  });
  await using proxy = await proxyTo(runtime.url);
  const client = dial(proxy);
  client.end();
  assert.equal(await textOf(client), `${SWITCHING}last words`);
  await waitFor("the runtime's side to close", () => runtime.open.size === 0, patience);
});

for (const [who, end] of [
  ["client", (client: Socket, _: StreamingServer) => client.resetAndDestroy()],
  ["runtime", (_: Socket, { open }: StreamingServer) => [...open].map((socket) => socket.resetAndDestroy())],
] as const) {
  test(`a ${who} that dies in the middle takes the other side with it`, async () => {
    await using runtime = await StreamingServer.start((socket) => {
      socket.write(SWITCHING);
      endsWith(socket);
      socket.on("data", () => socket.write(Buffer.alloc(100_000)));
    });
    await using proxy = await proxyTo(runtime.url);
    const client = dial(proxy);
    await headOf(client);
    endsWith(client);
    client.resume();
    client.write("go");
    await once(client, "data");
    end(client, runtime);
    await waitFor("both sides to close", () => client.destroyed && runtime.open.size === 0, patience);
  });
}

const refusals: readonly [name: string, serve: (socket: Socket) => void, reply: RegExp][] = [
  [
    "an error of the runtime",
    (socket) => socket.end("HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\ngone"),
    /^HTTP\/1\.1 404 Not Found\r\ncontent-type: text\/plain\r\n[\s\S]*\r\n\r\n[\s\S]*gone/,
  ],
  [
    "no upgrade at all",
    (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    /^HTTP\/1\.1 500 [\s\S]*invalid upgrade response: status code 200\n$/,
  ],
  ["nonsense", (socket) => socket.end("SSH-2.0\r\n\r\n"), /^HTTP\/1\.1 500 [\s\S]*error dialing backend: /],
  ["a hang-up", (socket) => socket.destroy(), /^HTTP\/1\.1 500 [\s\S]*error dialing backend: socket hang up\n$/],
];
for (const [name, serve, reply] of refusals) {
  test(`the client is told of ${name}, and the connection closes`, async () => {
    await using runtime = await StreamingServer.start(serve);
    await using proxy = await proxyTo(runtime.url);
    assert.match(await textOf(dial(proxy)), reply);
  });
}

test("a runtime that is away or names no usable place is told of", async () => {
  for (const [to, why] of [
    ["http://127.0.0.1:1/x", /error dialing backend: connect ECONNREFUSED/],
    ["file:///etc/passwd", /error dialing backend: the container runtime gave no usable URL: "file:/],
    ["nonsense", /no usable URL/],
  ] as const) {
    await using proxy = await proxyTo(to);
    assert.match(await textOf(dial(proxy)), why);
  }
});

test("a request that is refused gets its answer and the connection closes", async () => {
  await using proxy = await proxyTo(() => ({ status: 403, headers: { "x-a": "b" }, body: "Forbidden\n" }));
  assert.match(
    await textOf(dial(proxy)),
    /^HTTP\/1\.1 403 Forbidden\r\nx-a: b\r\n[\s\S]*connection: close\r\n[\s\S]*Forbidden\n$/i,
  );
});

test("a body before an upgrade is refused", async () => {
  await using runtime = await StreamingServer.start(echo);
  await using proxy = await proxyTo(runtime.url);
  for (const line of ["Content-Length: 5", "Transfer-Encoding: chunked"]) {
    assert.match(await textOf(dial(proxy, `${WANTED}${line}\r\n`)), /^HTTP\/1\.1 400 /);
  }
  assert.equal(runtime.requests.length, 0);
});

test("a request that speaks of another upgrade is answered as if it didn't", async () => {
  await using proxy = await proxyTo(() => ({ status: 200, headers: {}, body: "plain" }));
  const client = dial(proxy, "Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\n", "GET");
  assert.match(await textOf(client), /^HTTP\/1\.1 200 OK\r\n[\s\S]*plain$/);
});

test("closing the listener ends what was upgraded", async () => {
  await using runtime = await StreamingServer.start(echo);
  const proxy = await proxyTo(runtime.url);
  const client = dial(proxy);
  await headOf(client);
  endsWith(client);
  await proxy[Symbol.asyncDispose]();
  client.resume();
  await waitFor("both sides to close", () => client.destroyed && runtime.open.size === 0, patience);
});

test("1,000 streams at once and 1,000 after each other leave no descriptor behind", async () => {
  await using runtime = await StreamingServer.start(echo);
  await using proxy = await proxyTo(runtime.url);
  const one = async (): Promise<Socket> => {
    const client = dial(proxy);
    await headOf(client);
    client.write("ping");
    const [pong] = await once(client, "data");
    assert.equal(String(pong), "ping");
    return client;
  };
  const before = openFiles();
  (await one()).destroy();
  await waitFor("the first to close", () => runtime.open.size === 0 && openFiles() <= before, patience);
  // More than the listener takes of connections that were not let in.
  const together = await Promise.all(Array.from({ length: 1000 }, one));
  assert.equal(runtime.open.size, 1000);
  assert.ok(openFiles() >= 4000);
  (await one()).destroy();
  for (const [n, client] of together.entries()) n % 2 === 0 ? client.destroy() : client.end();
  for (const client of together) client.resume();
  await waitFor("all to close", () => runtime.open.size === 0, patience);
  for (let n = 0; n < 1000; n++) {
    const client = await one();
    n % 2 === 0 ? client.resetAndDestroy() : client.end();
    client.resume();
  }
  await waitFor("all to close", () => runtime.open.size === 0 && openFiles() <= before, patience);
});
