import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import http from "node:http";
import http2 from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import net from "node:net";
import { after, test } from "node:test";
import { issue } from "../../../test/support/certificates.ts";
import { isFault, type KubeletError } from "../../base/fault.ts";
import { type Log, silentLog } from "../../base/log.ts";
import { millis } from "../../base/units.ts";
import type { ApiCredentials, ApiEndpoint, Collection, KubeObject, WatchEvent } from "../../ports/kube-api.ts";
import { createClock } from "../linux/clock.ts";
import { type ApiRequestReport, connectKubeApi, type KubeApiOptions } from "./index.ts";

const PODS: Collection = { group: "", version: "v1", resource: "pods" };
const LEASES: Collection = {
  group: "coordination.k8s.io",
  version: "v1",
  resource: "leases",
  namespace: "kube-node-lease",
};
const { signal } = new AbortController();

const ca = await issue({ commonName: "ca", ca: true });
const serving = await issue({ commonName: "server", usage: "server", dns: "localhost", by: ca });
const clients = await Promise.all(["one", "two"].map((name) => issue({ commonName: name, usage: "client", by: ca })));

type Handle = (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse, body: string) => void;

const closers: (() => Promise<void> | void)[] = [];
after(async () => {
  for (const close of closers.reverse()) await close();
});

interface ServerOptions {
  readonly allowHTTP1?: boolean;
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly settings?: http2.Settings;
}

async function serve(handle: Handle, { tls = serving, ...options }: ServerOptions = {}) {
  const server = http2.createSecureServer(
    { cert: tls.cert, key: tls.key, ca: ca.cert, requestCert: true, rejectUnauthorized: false, ...options },
    async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      handle(request, response, body);
    },
  );
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).once("close", () => sockets.delete(socket));
  });
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => {}).once("close", () => sessions.delete(session));
  });
  server.on("sessionError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  closers.push(async () => {
    cut();
    server.close();
  });
  return { url: `https://localhost:${port}`, port, server, sockets, sessions, cut };
}

function connect(endpoint: Partial<ApiEndpoint> & { server: string }, options: Partial<KubeApiOptions> = {}) {
  let current: ApiCredentials = {};
  const refusals: ApiCredentials[] = [];
  const api = connectKubeApi({
    endpoint: { ca: ca.cert, ...endpoint },
    credentials: { current: async () => current, refused: (who) => void refusals.push(who) },
    userAgent: "kubelet/v1.37.2 (linux/amd64) kubernetes/0123456",
    env: {},
    clock: createClock(),
    log: silentLog,
    ...options,
  });
  closers.push(() => void api.close());
  return {
    api,
    refusals,
    be: (credentials: ApiCredentials) => {
      current = credentials;
    },
  };
}

/** The connections that are made from now on, as the client has them. */
function dialledSockets() {
  const sockets: Socket[] = [];
  const add = (message: unknown) => void sockets.push((message as { readonly socket: Socket }).socket);
  subscribe("net.client.socket", add);
  return Object.assign(sockets, { [Symbol.dispose]: () => void unsubscribe("net.client.socket", add) });
}

/** Not by once(): the end may be a reset, which is an error too. */
const closed = (socket: Socket) =>
  new Promise<void>((resolve) => (socket.closed ? resolve() : socket.once("close", () => resolve())));

const json = (response: http2.Http2ServerResponse, value: unknown, status = 200, headers: object = {}) => {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(`${JSON.stringify(value)}\n`);
};
const status = (code: number, reason: string, message: string, details?: object) => ({
  kind: "Status",
  apiVersion: "v1",
  status: "Failure",
  code,
  reason,
  message,
  ...(details ? { details } : {}),
});
const pod = (name: string, version = "1"): KubeObject => ({
  kind: "Pod",
  metadata: { name, resourceVersion: version },
});

async function faultOf(work: Promise<unknown>): Promise<KubeletError> {
  const error = await work.then(
    () => assert.fail("it should have failed"),
    (error: unknown) => error,
  );
  assert.ok(isFault(error, "api-unavailable") || isFault(error, "api-refused"), String(error));
  return error;
}

for (const protocol of ["h2", "http/1.1"] as const) {
  const options = protocol === "h2" ? {} : { allowHTTP1: true };
  const env: Record<string, string> = protocol === "h2" ? {} : { DISABLE_HTTP2: "1" };

  test(`${protocol}: each verb is the request that the API server wants`, async () => {
    const seen: string[] = [];
    const server = await serve((request, response, body) => {
      const { method, url, headers } = request;
      seen.push(`${method} ${url} ${headers["content-type"] ?? ""} ${body}`.trim());
      assert.equal(headers.accept, "application/json");
      assert.equal(headers["user-agent"], "kubelet/v1.37.2 (linux/amd64) kubernetes/0123456");
      assert.equal(request.httpVersion, protocol === "h2" ? "2.0" : "1.1");
      const items = [pod("a")];
      json(
        response,
        url?.startsWith("/prefix/api/v1/pods?")
          ? { kind: "PodList", metadata: { resourceVersion: "7" }, items }
          : pod("a"),
      );
    }, options);
    const { api } = connect({ server: `${server.url}/prefix/` }, { env });
    assert.deepEqual(await api.get(LEASES, "node", signal), pod("a"));
    const list = await api.list(PODS, { fieldSelector: "spec.nodeName=a b", resourceVersion: "0" }, signal);
    assert.deepEqual(list, { items: [pod("a")], resourceVersion: "7", continue: undefined });
    const inside = { ...PODS, namespace: "default" };
    await api.create(inside, pod("a"), signal);
    await api.create(inside, pod("a"), signal, { name: "a", subresource: "binding" });
    await api.replace(LEASES, "node", { kind: "Lease" }, signal);
    await api.patch(inside, "a", "strategic", { status: {} }, signal, { subresource: "status" });
    await api.patch(inside, "a", "merge", {}, signal);
    await api.delete(inside, "a", { gracePeriodSeconds: 0, uid: "u" }, signal);
    assert.deepEqual(seen, [
      "GET /prefix/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node",
      "GET /prefix/api/v1/pods?fieldSelector=spec.nodeName%3Da%20b&resourceVersion=0",
      `POST /prefix/api/v1/namespaces/default/pods application/json ${JSON.stringify(pod("a"))}`,
      `POST /prefix/api/v1/namespaces/default/pods/a/binding application/json ${JSON.stringify(pod("a"))}`,
      `PUT /prefix/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node application/json {"kind":"Lease"}`,
      `PATCH /prefix/api/v1/namespaces/default/pods/a/status application/strategic-merge-patch+json {"status":{}}`,
      "PATCH /prefix/api/v1/namespaces/default/pods/a application/merge-patch+json {}",
      `DELETE /prefix/api/v1/namespaces/default/pods/a application/json {"apiVersion":"v1","kind":"DeleteOptions","gracePeriodSeconds":0,"preconditions":{"uid":"u"}}`,
    ]);
    assert.equal(api.stats().requests, 8);
    assert.equal(server.sockets.size, 1, "one connection for all");
  });

  test(`${protocol}: dropped connections end their watches, and the next request connects anew`, async () => {
    const server = await serve((request, response) => {
      if (!request.url?.includes("watch=")) return json(response, pod("a"));
      response.writeHead(200);
      response.write(`${JSON.stringify({ type: "ADDED", object: pod("a") })}\n`);
    }, options);
    const { api } = connect({ server: server.url }, { env });
    const watch = api.watch(PODS, { resourceVersion: "1", timeoutSeconds: 60 }, signal)[Symbol.asyncIterator]();
    await watch.next();
    const old = [...server.sockets];
    api.dropConnections();
    assert.equal((await faultOf(watch.next())).fault.code, "api-unavailable");
    assert.deepEqual(await api.get(PODS, "a", signal), pod("a"));
    await Promise.all(old.map(closed));
    assert.equal(api.stats().connections, 1);
  });

  test(`${protocol}: a watch yields events as they come, however they are cut, and ends when the server ends it`, async () => {
    const text = [
      { type: "ADDED", object: pod("ä", "2") },
      { type: "BOOKMARK", object: { kind: "Pod", metadata: { resourceVersion: "3" } } },
      { type: "DELETED", object: pod("ä", "4") },
    ]
      .map((event) => `${JSON.stringify(event)}\n`)
      .join("");
    const server = await serve(async (request, response) => {
      assert.match(request.url ?? "", /watch=true&allowWatchBookmarks=true$/);
      response.writeHead(200);
      for (const byte of Buffer.from(text)) {
        response.write(Buffer.from([byte]));
        if (byte === 0x7d) await new Promise(setImmediate);
      }
      response.end();
    }, options);
    const { api } = connect({ server: server.url }, { env });
    let opened = 0;
    const query = { resourceVersion: "1", timeoutSeconds: 60, onOpen: () => void opened++ };
    const events = await Array.fromAsync(api.watch(PODS, query, signal));
    assert.deepEqual(events, [
      { type: "ADDED", object: pod("ä", "2") },
      { type: "BOOKMARK", resourceVersion: "3" },
      { type: "DELETED", object: pod("ä", "4") },
    ]);
    assert.equal(opened, 1);
  });

  test(`${protocol}: a watch that is cut or gets an ERROR event throws, and an abort ends it with its reason`, async () => {
    let answer: (response: http2.Http2ServerResponse) => void = () => {};
    const server = await serve((_, response) => {
      response.writeHead(200);
      response.write(`${JSON.stringify({ type: "ADDED", object: pod("a") })}\n`);
      answer(response);
    }, options);
    const { api } = connect({ server: server.url }, { env });
    const query = { resourceVersion: "1", timeoutSeconds: 60 };
    answer = () => setImmediate(server.cut);
    const cut = await faultOf(Array.fromAsync(api.watch(PODS, query, signal)));
    assert.match(cut.message, /^Cannot watch pods: no answer from the API server at https:.*closed by the other side$/);
    const expired = { type: "ERROR", object: status(410, "Expired", "too old resource version: 1 (100)") };
    answer = (response) => response.write(`${JSON.stringify(expired)}\n`);
    const { message, fault } = await faultOf(Array.fromAsync(api.watch(PODS, query, signal)));
    assert.deepEqual(fault, { code: "api-refused", status: 410, reason: "Expired" });
    assert.equal(message, "API server refused to watch pods: too old resource version: 1 (100) (410 Expired)");
    const stop = new AbortController();
    answer = () => stop.abort(new Error("enough"));
    await assert.rejects(Array.fromAsync(api.watch(PODS, query, stop.signal)), /^Error: enough$/);
  });

  test(`${protocol}: refusals have status, reason and Retry-After, and 401 is told to the credentials`, async () => {
    const server = await serve(({ url, headers }, response) => {
      if (url?.endsWith("/full")) json(response, status(429, "TooManyRequests", "later"), 429, { "retry-after": "7" });
      else if (url?.endsWith("/busy")) json(response, status(500, "ServerTimeout", "s", { retryAfterSeconds: 2 }), 500);
      else if (url?.endsWith("/proxy")) response.writeHead(502).end("<b>Bad\u001b[31m gateway</b>");
      else if (headers.authorization !== "Bearer good")
        json(response, status(401, "Unauthorized", "Unauthorized"), 401);
      else json(response, pod("a"));
    }, options);
    const { api, be, refusals } = connect({ server: server.url }, { env });
    be({ token: "good" });
    await api.get(PODS, "a", signal);
    assert.deepEqual((await faultOf(api.get(PODS, "full", signal))).fault, {
      code: "api-refused",
      status: 429,
      reason: "TooManyRequests",
      retryAfter: 7000,
    });
    assert.deepEqual((await faultOf(api.get(PODS, "busy", signal))).fault, {
      code: "api-refused",
      status: 500,
      reason: "ServerTimeout",
      retryAfter: 2000,
    });
    const proxy = await faultOf(api.get(PODS, "proxy", signal));
    assert.equal(proxy.message, 'API server refused to get pods "proxy": <b>Bad [31m gateway</b> (502)');
    const bad = { token: "bad" };
    be(bad);
    const refused = await faultOf(api.get(PODS, "a", signal));
    assert.equal(refused.message, 'API server refused to get pods "a": Unauthorized (401 Unauthorized)');
    assert.deepEqual(refusals, [bad]);
    assert.ok(!refused.message.includes("bad"));
    be({ basic: { username: "u", password: "p" } });
    assert.equal((await faultOf(api.get(PODS, "a", signal))).fault.code, "api-refused");
  });

  test(`${protocol}: a slow answer, a broken one and a missing one are told apart from a refusal`, async () => {
    const server = await serve((request, response) => {
      if (request.url?.endsWith("/slow")) return;
      if (request.url?.endsWith("/html")) response.end("<html>");
      else {
        response.writeHead(200, { "content-length": "1000" });
        response.write("{");
        setImmediate(server.cut);
      }
    }, options);
    const { api } = connect({ server: server.url }, { env });
    const slow = await faultOf(api.limited(undefined, millis(50)).get(PODS, "slow", signal));
    assert.match(slow.message, /no full answer within 0.05 s/);
    assert.match((await faultOf(api.get(PODS, "html", signal))).message, /no JSON: is that an API server\?/);
    assert.match((await faultOf(api.get(PODS, "half", signal))).message, /closed by the other side/);
  });

  test(`${protocol}: JSON of somebody else is no list without items, and no object`, async () => {
    let answer: object = {};
    const server = await serve((_, response) => json(response, answer), options);
    const { api } = connect({ server: server.url }, { env });
    for (answer of [{}, { status: "ok" }, [], { items: null }, pod("a"), status(200, "", "odd")]) {
      const { message, fault } = await faultOf(api.list(PODS, {}, signal));
      assert.match(message, /^Cannot list pods: .*not what was asked for: is that an API server\?$/);
      assert.equal(fault.code, "api-unavailable");
    }
    answer = { status: "ok" };
    assert.match((await faultOf(api.get(PODS, "a", signal))).message, /not what was asked for/);
    answer = { kind: "PodList", apiVersion: "v1", metadata: { resourceVersion: "7" }, items: null };
    assert.deepEqual((await api.list(PODS, {}, signal)).items, []);
  });

  test(`${protocol}: the server hears its own name`, async () => {
    const hosts: (string | undefined)[] = [];
    const server = await serve(({ headers }, response) => {
      hosts.push(headers[":authority"] ?? headers.host);
      json(response, pod("a"));
    }, options);
    const { api } = connect({ server: server.url }, { env });
    await api.get(PODS, "a", signal);
    assert.deepEqual(hosts, [`localhost:${server.port}`]);
  });

  test(`${protocol}: a server that comes back is found again`, async () => {
    const server = await serve((_, response) => json(response, pod("a")), options);
    const { api } = connect({ server: server.url }, { env });
    using dialled = dialledSockets();
    for (let turn = 0; turn < 3; turn++) {
      await api.get(PODS, "a", signal);
      server.cut();
      // A connection whose end is still on its way here would take the next request.
      await Promise.all(dialled.splice(0).map(closed));
    }
    await api.get(PODS, "a", signal);
  });
}

test("plain http is for tests: it works", async () => {
  const server = http.createServer((_, response) => response.end(JSON.stringify(pod("a"))));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => void server.close());
  const { api } = connect({ server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  assert.deepEqual(await api.get(PODS, "a", signal), pod("a"));
});

test("an upgrade that nobody asked for is a failure", async () => {
  const answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\n";
  const server = net.createServer((socket) => void socket.once("data", () => socket.write(answer)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => void server.close());
  const { api } = connect({ server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  assert.match((await faultOf(api.get(PODS, "a", signal))).message, /it answered 101 Switching Protocols/);
});

test("a renewed certificate is used by the next request, and the watch of the old one goes on", async () => {
  const names: string[] = [];
  const watches: http2.Http2ServerResponse[] = [];
  const server = await serve((request, response) => {
    const { socket } = request.stream.session ?? {};
    names.push(
      (socket as unknown as { getPeerCertificate(): { subject: { CN: string } } }).getPeerCertificate().subject.CN,
    );
    if (!request.url?.includes("watch=")) return json(response, pod("a"));
    watches.push(response);
    response.writeHead(200);
    response.write(`${JSON.stringify({ type: "ADDED", object: pod("a") })}\n`);
  });
  const [one, two] = clients;
  assert.ok(one && two);
  const { api, be } = connect({ server: server.url });
  be({ cert: one.cert, key: one.key });
  const events: WatchEvent<KubeObject>[] = [];
  const watch = api.watch(PODS, { resourceVersion: "1", timeoutSeconds: 60 }, signal)[Symbol.asyncIterator]();
  events.push((await watch.next()).value);
  be({ cert: two.cert, key: two.key });
  await Promise.all([1, 2, 3].map(() => api.get(PODS, "a", signal)));
  assert.deepEqual(names, ["one", "two", "two", "two"]);
  assert.equal(server.sessions.size, 2);
  assert.equal(api.stats().connections, 2);
  watches[0]?.write(`${JSON.stringify({ type: "DELETED", object: pod("a") })}\n`);
  events.push((await watch.next()).value);
  assert.deepEqual(
    events.map(({ type }) => type),
    ["ADDED", "DELETED"],
  );
  watches[0]?.end();
  assert.equal((await watch.next()).done, true);
  while (server.sessions.size > 1 || api.stats().connections > 1) await new Promise(setImmediate);
  assert.equal(api.stats().connections, 1, "the old connection ended with its last watch");
});

test("a certificate that is renewed while the connection is made leaves no connection behind", async () => {
  const server = await serve((_, response) => json(response, pod("a")));
  const { api, be } = connect({ server: server.url });
  const requests = clients.map(({ cert, key }) => {
    be({ cert, key });
    return api.get(PODS, "a", signal);
  });
  await Promise.all(requests);
  while (server.sessions.size > 1) await new Promise(setImmediate);
  assert.equal(api.stats().connections, 1);
});

test("a token that changed goes over the same connection", async () => {
  const tokens: unknown[] = [];
  const server = await serve(({ headers }, response) => {
    tokens.push(headers.authorization);
    json(response, pod("a"));
  });
  const { api, be } = connect({ server: server.url });
  for (const token of ["a", "b"]) {
    be({ token });
    await api.get(PODS, "a", signal);
  }
  assert.deepEqual(tokens, ["Bearer a", "Bearer b"]);
  assert.equal(server.sockets.size, 1);
});

test("GOAWAY: new requests go over a new connection, the watch that is open is served to its end", async () => {
  const watches: http2.Http2ServerResponse[] = [];
  const server = await serve((request, response) => {
    if (!request.url?.includes("watch=")) return json(response, pod("a"));
    watches.push(response);
    response.writeHead(200);
    response.write(`${JSON.stringify({ type: "ADDED", object: pod("a") })}\n`);
  });
  const { api } = connect({ server: server.url });
  const watch = api.watch(PODS, { resourceVersion: "1", timeoutSeconds: 60 }, signal)[Symbol.asyncIterator]();
  await watch.next();
  const [session] = server.sessions;
  session?.goaway(http2.constants.NGHTTP2_NO_ERROR);
  // Who answers this has read what came before it.
  await new Promise((resolve) => session?.ping(resolve));
  await Promise.all([1, 2, 3, 4].map(() => api.get(PODS, "a", signal)));
  assert.equal(server.sessions.size, 2);
  watches[0]?.end(`${JSON.stringify({ type: "DELETED", object: pod("a") })}\n`);
  assert.equal((await watch.next()).value?.type, "DELETED");
  assert.equal((await watch.next()).done, true);
});

test("more watches than one connection takes go over a second one", async () => {
  let open = 0;
  const server = await serve(
    (request, response) => {
      if (!request.url?.includes("watch=")) return json(response, pod("a"));
      open++;
      response.writeHead(200);
      response.write("\n");
    },
    { settings: { maxConcurrentStreams: 10 } },
  );
  const { api } = connect({ server: server.url });
  const stop = new AbortController();
  let opened = 0;
  const query = { resourceVersion: "1", timeoutSeconds: 60, onOpen: () => void opened++ };
  const watches = Array.from({ length: 25 }, () => Array.fromAsync(api.watch(PODS, query, stop.signal)));
  while (opened < 25) await new Promise(setImmediate);
  await api.get(PODS, "a", signal);
  assert.equal(open, 25);
  assert.equal(api.stats().connections, 3);
  stop.abort(new Error("enough"));
  const ends = await Promise.allSettled(watches);
  assert.ok(ends.every((end) => end.status === "rejected" && end.reason === stop.signal.reason));
});

test("a thousand requests at once to a server that is not there are a few connections, not a thousand", async () => {
  let connections = 0;
  const server = net.createServer((socket) => {
    connections++;
    socket.destroy();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => void server.close());
  const { api } = connect({ server: `https://127.0.0.1:${(server.address() as AddressInfo).port}` });
  for (let turn = 0; turn < 2; turn++) {
    const all = await Promise.allSettled(Array.from({ length: 1000 }, () => api.get(PODS, "a", signal)));
    assert.ok(all.every(({ status }) => status === "rejected"));
  }
  assert.equal(connections, 2);
});

test("kubeAPIQPS and kubeAPIBurst hold requests up, but no watch; others have limits of their own", async () => {
  const server = await serve((request, response) => {
    if (request.url?.includes("watch=")) response.end();
    else json(response, pod("a"));
  });
  const { api } = connect({ server: server.url }, { limits: { qps: 0.0001, burst: 2 } });
  await api.get(PODS, "a", signal);
  await api.get(PODS, "a", signal);
  const stop = new AbortController();
  const held = api.get(PODS, "a", stop.signal);
  await Array.fromAsync(api.watch(PODS, { resourceVersion: "1", timeoutSeconds: 1 }, signal));
  await api.limited(undefined).get(PODS, "a", signal);
  await api.limited({ qps: 1, burst: 1 }).get(PODS, "a", signal);
  stop.abort(new Error("waited enough"));
  await assert.rejects(held, /waited enough/);
});

test("each request is reported, and warnings of the server are logged once", async () => {
  const reports: ApiRequestReport[] = [];
  const warned: unknown[] = [];
  const log: Log = { ...silentLog, warn: (_, fields) => void warned.push(fields?.warning) };
  const server = await serve((request, response) => {
    const warning = '299 - "v1beta1 is \\"old\\"", 299 - "and odd"';
    json(response, pod("a"), request.url?.endsWith("/b") ? 404 : 200, { warning });
  });
  const { api } = connect({ server: server.url }, { onRequest: (report) => reports.push(report), log });
  await api.get(PODS, "a", signal);
  await faultOf(api.get(PODS, "b", signal));
  server.server.close();
  server.cut();
  while (server.sockets.size > 0) await new Promise(setImmediate);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await faultOf(api.replace(PODS, "a", pod("a"), signal));
  assert.deepEqual(
    reports.map(({ code, method, host, isWatch }) => ({ code, method, host, isWatch })),
    [
      { code: "200", method: "GET", host: `localhost:${server.port}`, isWatch: false },
      { code: "404", method: "GET", host: `localhost:${server.port}`, isWatch: false },
      { code: "<error>", method: "PUT", host: `localhost:${server.port}`, isWatch: false },
    ],
  );
  assert.deepEqual(warned, ['v1beta1 is "old"', "and odd"]);
});

test("what is wrong with TLS or the way there is said in words", async () => {
  const day = 24 * 3600_000;
  const at = (days: number) => new Date(Date.now() + days * day);
  const other = await issue({ commonName: "other", ca: true });
  const past = { from: at(-3), to: at(-1) };
  const wish = { commonName: "server", usage: "server", dns: "localhost", by: ca } as const;
  const cases = [
    { name: "expired", wish: { ...wish, ...past }, says: /has expired/ },
    {
      name: "not yet valid",
      wish: { ...wish, from: at(1), to: at(2) },
      says: /not valid yet: compare this machine's clock/,
    },
    { name: "unknown authority", wish: { ...wish, by: other }, says: /authority that is not in certificate-authority/ },
    {
      name: "other name",
      wish: { ...wish, dns: "kubernetes.default" },
      says: /made for other names: DNS:kubernetes.default/,
    },
  ];
  for (const { name, wish, says } of cases) {
    const server = await serve((_, response) => json(response, pod("a")), { tls: await issue(wish) });
    const { message } = await faultOf(connect({ server: server.url }).api.get(PODS, "a", signal));
    assert.match(message, says, name);
    const lax = connect({ server: server.url, insecureSkipTlsVerify: true });
    assert.deepEqual(await lax.api.get(PODS, "a", signal), pod("a"), name);
    if (name === "other name") {
      const named = connect({ server: server.url, tlsServerName: "kubernetes.default" });
      assert.deepEqual(await named.api.get(PODS, "a", signal), pod("a"));
    }
  }
  const refused = await faultOf(connect({ server: "https://127.0.0.1:1" }).api.get(PODS, "a", signal));
  assert.match(refused.message, /connection refused/);
  const plain = http.createServer();
  plain.listen(0, "127.0.0.1");
  await once(plain, "listening");
  closers.push(() => void plain.close());
  const wrong = connect({ server: `https://127.0.0.1:${(plain.address() as AddressInfo).port}` });
  assert.match(
    (await faultOf(wrong.api.get(PODS, "a", signal))).message,
    /does not speak TLS|closed by the other side/,
  );
  const server = await serve((_, response) => json(response, pod("a")));
  const bad = connect({ server: server.url });
  bad.be({ cert: "no PEM", key: "no PEM" });
  assert.match((await faultOf(bad.api.get(PODS, "a", signal))).message, /is no PEM/);
  const [one, two] = clients;
  bad.be({ cert: one?.cert, key: two?.key });
  assert.match((await faultOf(bad.api.get(PODS, "a", signal))).message, /do not belong together/);
});

test("a proxy is asked to connect, with its password, and its refusal is told without", async () => {
  const asked: string[] = [];
  const proxy = http.createServer();
  proxy.on("connect", (request, socket: Socket) => {
    socket.on("error", () => {});
    asked.push(`${request.url} ${request.headers["proxy-authorization"]}`);
    if (asked.length > 1) return socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    const [, port] = (request.url ?? "").split(":");
    const onward = net.connect(Number(port), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      socket.pipe(onward).pipe(socket);
    });
    onward.on("error", () => socket.destroy());
    closers.push(() => void onward.destroy());
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  closers.push(() => void proxy.close());
  const server = await serve((_, response) => json(response, pod("a")));
  const proxyUrl = `http://user:secret@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const { api } = connect({ server: server.url, proxyUrl });
  assert.deepEqual(await api.get(PODS, "a", signal), pod("a"));
  const { message } = await faultOf(connect({ server: server.url, proxyUrl }).api.get(PODS, "a", signal));
  assert.match(message, /the proxy http:\/\/127.0.0.1:\d+ does not connect to localhost:\d+: it answered 407/);
  assert.equal(asked[0], `localhost:${server.port} Basic ${Buffer.from("user:secret").toString("base64")}`);
});

test("names that are no names never become a path", async () => {
  const { api } = connect({ server: "https://127.0.0.1:1" });
  for (const name of ["", ".", "..", "a/b", "%2e%2e"]) {
    const { fault } = await faultOf(api.get(PODS, name, signal));
    assert.equal(fault.code === "api-refused" && fault.status, 400, name);
  }
});

test("close() ends what is open, and nothing is asked any more", async () => {
  const server = await serve((_, response) => {
    response.writeHead(200);
    response.write("\n");
  });
  const { api } = connect({ server: server.url });
  const opened = Promise.withResolvers<void>();
  const watch = Array.fromAsync(
    api.watch(PODS, { resourceVersion: "1", timeoutSeconds: 60, onOpen: opened.resolve }, signal),
  );
  watch.catch(() => {});
  await opened.promise;
  api.close();
  assert.equal((await faultOf(watch)).fault.code, "api-unavailable");
  assert.match((await faultOf(api.get(PODS, "a", signal))).message, /client was closed/);
});
