import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { createServer as createHttp2, type ServerHttp2Stream } from "node:http2";
import { createServer as createHttps } from "node:https";
import { type AddressInfo, connect, createServer as createTcp, type Server, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { issue } from "../../../test/support/certificates.ts";
import { type Millis, millis, seconds } from "../../base/units.ts";
import type { HttpProbe } from "../../ports/probing.ts";
import { createProbeNetwork } from "./probe-network.ts";

const network = createProbeNetwork();
const { signal } = new AbortController();
const LONG = seconds(30);

async function listening(t: TestContext, server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const open = new Set<Socket>();
  server.on("connection", (socket) => {
    open.add(socket);
    // Resets are what this is about.
    socket.on("error", () => {});
  });
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A port of a server that says nothing. The time of the next probe is up as soon as it has asked, and not before: however slowly this runs. */
async function silent(t: TestContext, span: Millis): Promise<number> {
  const limit = new AbortController();
  const timeout = (given: number) => (given === span ? limit.signal : assert.fail(`${given} ms`));
  t.mock.method(AbortSignal, "timeout", timeout, { times: 1 });
  const late = () => limit.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
  return listening(
    t,
    createTcp((socket) => void socket.once("data", late)),
  );
}

/** A port that refuses connections: it is taken by one that goes out, so nobody else can come to listen there. */
async function refusing(t: TestContext): Promise<number> {
  const port = await listening(t, createTcp());
  const outgoing = connect(port, "127.0.0.1");
  t.after(() => outgoing.destroy());
  await once(outgoing, "connect");
  return outgoing.localPort ?? assert.fail("it has just connected");
}

const web = (t: TestContext, answer: RequestListener) => listening(t, createServer(answer));

const to = (port: number, more: Partial<HttpProbe> = {}): HttpProbe => ({
  scheme: "http",
  host: "127.0.0.1",
  port,
  path: "/",
  headers: [],
  ...more,
});

test("http() sends headers as given, with the host of the URL", async (t) => {
  let raw: readonly string[] = [];
  const port = await web(t, (request, response) => {
    raw = request.rawHeaders;
    response.end(request.url);
  });
  const headers = [
    { name: "X-Two", value: "1" },
    { name: "X-Two", value: "2" },
  ];
  assert.deepEqual(await network.http(to(port, { path: "/a?b=1", headers }), LONG, signal), {
    status: 200,
    body: "/a?b=1",
  });
  assert.deepEqual(raw, ["Host", `127.0.0.1:${port}`, "X-Two", "1", "X-Two", "2", "Connection", "close"]);
});

test("http() lets a Host header speak for the host", async (t) => {
  const port = await web(t, (request, response) => void response.end(request.headers.host));
  const { body } = await network.http(to(port, { headers: [{ name: "Host", value: "web.example" }] }), LONG, signal);
  assert.equal(body, "web.example");
});

test("http() follows a redirect on the same host and stops at another", async (t) => {
  const port = await web(t, (request, response) => {
    const location = request.url === "/" ? "/next?a=b" : "http://elsewhere.example/";
    if (request.url === "/done") response.end("there");
    else response.writeHead(302, { location: request.url?.startsWith("/to") ? "/done" : location }).end("moved");
  });
  assert.deepEqual(await network.http(to(port, { path: "/to" }), LONG, signal), { status: 200, body: "there" });
  assert.deepEqual(await network.http(to(port), LONG, signal), {
    status: 302,
    body: "moved",
    redirectedTo: "http://elsewhere.example/",
  });
});

test("http() gives up after ten redirects", async (t) => {
  const port = await web(t, (_, response) => void response.writeHead(301, { location: "/" }).end());
  await assert.rejects(network.http(to(port), LONG, signal), {
    message: `Get "http://127.0.0.1:${port}/": stopped after 10 redirects`,
  });
});

test("http() keeps 10 KiB of a body that never ends", async (t) => {
  const port = await web(t, (_, response) => {
    const more = () => {
      while (response.write("x".repeat(4096)));
    };
    response.on("drain", more);
    more();
  });
  const { status, body } = await network.http(to(port), LONG, signal);
  assert.deepEqual([status, body.length], [200, 10_240]);
});

test("http() takes an upgrade that nobody asked for as an answer", async (t) => {
  const answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\n";
  const port = await listening(
    t,
    createTcp((socket) => void socket.once("data", () => socket.write(answer))),
  );
  assert.deepEqual(await network.http(to(port), LONG, signal), { status: 101, body: "" });
});

test("http() says in Go's words what went wrong", async (t) => {
  const mute = await silent(t, millis(50));
  await assert.rejects(network.http(to(mute), millis(50), signal), {
    message: `Get "http://127.0.0.1:${mute}/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
  });
  const rude = await listening(
    t,
    createTcp((socket) => void socket.end()),
  );
  await assert.rejects(network.http(to(rude), LONG, signal), {
    message: `Get "http://127.0.0.1:${rude}/": EOF`,
  });
  const port = await refusing(t);
  await assert.rejects(network.http(to(port), LONG, signal), {
    message: `Get "http://127.0.0.1:${port}/": dial tcp 127.0.0.1:${port}: connect: connection refused`,
  });
});

test("http() asks over TLS whoever answers, and resets the connection", async (t) => {
  const { key, cert } = await issue({ commonName: "probed", usage: "server" });
  const ends: Promise<unknown>[] = [];
  const server = createHttps({ key, cert }, (request, response) => {
    ends.push(once(request.socket, "close"));
    response.end("safe");
  });
  const port = await listening(t, server);
  assert.deepEqual(await network.http(to(port, { scheme: "https" }), LONG, signal), { status: 200, body: "safe" });
  await Promise.all(ends);
});

test("http() rejects with the caller's reason when aborted", async (t) => {
  const port = await listening(t, createTcp());
  const reason = new Error("the container ended");
  const caller = new AbortController();
  const asked = network.http(to(port), LONG, caller.signal);
  caller.abort(reason);
  await assert.rejects(asked, reason);
});

test("tcp() connects and resets: no connection of ours waits for its end", async (t) => {
  const ended = Promise.withResolvers<string>();
  const server = createTcp((socket) => {
    socket.on("error", ({ message }) => ended.resolve(message)).on("end", () => ended.resolve("end"));
    socket.resume();
  });
  const port = await listening(t, server);
  await network.tcp("127.0.0.1", port, LONG, signal);
  assert.equal(await ended.promise, "read ECONNRESET");
  const refused = await refusing(t);
  await assert.rejects(network.tcp("127.0.0.1", refused, LONG, signal), {
    message: `dial tcp 127.0.0.1:${refused}: connect: connection refused`,
  });
});

test("grpc() asks for the health of a service", async (t) => {
  const server = createHttp2();
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    const path = headers[":path"];
    const chunks: Uint8Array[] = [];
    stream.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    stream.on("end", () => {
      const asked = Buffer.concat(chunks).subarray(7).toString();
      if (asked === "none") {
        stream.respond(
          { ":status": 200, "grpc-status": "12", "grpc-message": "unknown%20service" },
          { endStream: true },
        );
        return;
      }
      assert.equal(path, "/grpc.health.v1.Health/Check");
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      const status = asked === "db" ? 2 : 1;
      stream.end(Buffer.from([0, 0, 0, 0, 2, 0x08, status]));
    });
  });
  const port = await listening(t, server as unknown as Server);
  assert.equal(await network.grpc("127.0.0.1", port, "", LONG, signal), "SERVING");
  assert.equal(await network.grpc("127.0.0.1", port, "db", LONG, signal), "NOT_SERVING");
  await assert.rejects(network.grpc("127.0.0.1", port, "none", LONG, signal), {
    message: "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service",
  });
  const mute = await silent(t, millis(50));
  await assert.rejects(network.grpc("127.0.0.1", mute, "", millis(50), signal), {
    message: "timeout: health rpc did not complete within 50ms",
  });
});
