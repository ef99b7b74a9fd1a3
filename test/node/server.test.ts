import assert from "node:assert/strict";
import { once } from "node:events";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { request as httpRequest } from "node:http";
import { Agent, request as httpsRequest, type RequestOptions } from "node:https";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../../scripts/lib/wait.ts";
import { createHttpServers, createLocalClient } from "../../src/adapters/http/index.ts";
import { createClock, createFiles, createLogFiles, createRandom } from "../../src/adapters/linux/index.ts";
import { isFault } from "../../src/base/fault.ts";
import { silentLog } from "../../src/base/log.ts";
import { millis, seconds } from "../../src/base/units.ts";
import { runVerb, type VerbIo } from "../../src/cli/index.ts";
import { makeKubeletMetrics } from "../../src/metrics/index.ts";
import type { NodeView } from "../../src/node/index.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { openServer, type ServerDeps, type ServerOptions } from "../../src/server/index.ts";
import { type Issued, issue } from "../support/certificates.ts";
import { Scratch } from "../support/scratch.ts";

const never = new AbortController().signal;
const clock = createClock();

function optionsIn(scratch: Scratch, over: Partial<ServerOptions> = {}): ServerOptions {
  return {
    health: { host: "127.0.0.1", port: 0 },
    main: { host: "127.0.0.1", port: 0 },
    socketPath: scratch.path("kubelet.sock"),
    access: {
      clientCaFile: "",
      anonymous: false,
      webhookAuthentication: false,
      authorizationMode: "AlwaysAllow",
      standalone: true,
    },
    reviews: { nodeName: "node-1", tokenTtl: seconds(120), allowedTtl: seconds(300), deniedTtl: seconds(30) },
    pair: { certFile: "", keyFile: "", certDirectory: scratch.path("pki"), hostName: "node-1" },
    tls: { minVersion: "VersionTLS12", cipherSuites: [], curves: [] },
    routes: { debugging: true, systemLogs: true, profiling: true, debugFlags: true },
    splitStreams: false,
    webSocketStreams: true,
    ...over,
  };
}

function depsOf(
  over: { readonly clock?: Clock; readonly logPath?: string; readonly running?: () => boolean } = {},
): ServerDeps {
  const { logPath = "/nowhere", running = () => false } = over;
  const view: NodeView = {
    nodeName: "node-1",
    pods: () => [
      {
        metadata: { name: "web-node-1", namespace: "default", uid: "u1" },
        spec: { containers: [{ name: "main" }] },
        status: {
          phase: "Running",
          containerStatuses: [
            {
              name: "main",
              image: "",
              imageID: "",
              ready: true,
              restartCount: 0,
              state: { running: {} },
              containerID: "containerd://c1",
            },
          ],
        },
      },
    ],
    runningPods: async () => [],
    rejectedManifests: () => [],
    events: () => [],
    timeline: () => [],
    config: () => ({}),
    effectiveConfig: () => [],
    containerLog: () => ({ path: logPath, running }),
    healthChecks: [{ name: "ping", problem: () => undefined }],
  };
  return {
    view,
    metrics: makeKubeletMetrics({
      nodeName: "node-1",
      cgroupVersion: 1,
      build: { gitVersion: "v1.37.0", gitCommit: "", buildDate: "", nodeVersion: "", platform: "" },
      process: async () => ({
        cpuSeconds: 0,
        residentBytes: 0,
        virtualBytes: 0,
        openFiles: 0,
        maxFiles: 0,
        startSeconds: 0,
      }),
    }),
    http: createHttpServers(silentLog),
    files: createFiles(),
    logFiles: createLogFiles(),
    clock: over.clock ?? clock,
    log: silentLog,
    random: createRandom(),
    api: () => undefined,
    runtime: () => undefined,
    snapshot: () => undefined,
    usage: { summary: async () => "{}", metrics: async () => "" },
  };
}

interface Got {
  readonly status: number;
  readonly body: string;
}
async function send(call: ReturnType<typeof httpRequest>): Promise<Got> {
  call.end();
  const [reply] = await once(call, "response");
  const parts: Buffer[] = [];
  for await (const part of reply) parts.push(part);
  return { status: reply.statusCode, body: Buffer.concat(parts).toString() };
}
const getPlain = (address: string | undefined, path: string) =>
  send(httpRequest(`http://${address}${path}`, { agent: false }));
const getTls = (address: string | undefined, path: string, options: RequestOptions = {}) =>
  send(httpsRequest(`https://${address}${path}`, { agent: false, rejectUnauthorized: false, ...options }));
const asClient = ({ cert, key }: Issued): RequestOptions => ({ cert, key });
const getLocal = (socketPath: string, path: string) => send(httpRequest({ socketPath, path, agent: false }));

async function until(met: () => Promise<boolean>): Promise<void> {
  await waitFor(`${met}`, met, { timeout: 60_000 });
}

const ca = await issue({ commonName: "ca", ca: true });
const otherCa = await issue({ commonName: "other-ca", ca: true });
const admin = await issue({ commonName: "admin", organizations: ["system:masters"], by: ca });
const stranger = await issue({ commonName: "admin", organizations: ["system:masters"], by: otherCa });
const guarded = (scratch: Scratch): ServerOptions => {
  writeFileSync(scratch.path("ca.crt"), ca.cert);
  const options = optionsIn(scratch);
  return { ...options, access: { ...options.access, clientCaFile: scratch.path("ca.crt") } };
};

test("without a client CA, health and nothing else is served, on this host only", async () => {
  await using scratch = new Scratch("server");
  const options = optionsIn(scratch, { main: { host: "0.0.0.0", port: 0 } });
  await using server = await openServer(options, depsOf(), never);
  assert.deepEqual(await getPlain(await server.health, "/healthz"), { status: 200, body: "ok" });
  assert.deepEqual(await getPlain(await server.health, "/pods"), { status: 404, body: "404 page not found\n" });
  const main = await server.main;
  assert.match(main ?? "", /^127\.0\.0\.1:/);
  assert.deepEqual(await getTls(main, "/healthz"), { status: 200, body: "ok" });
  assert.equal((await getTls(main, "/pods", asClient(admin))).status, 403);
  assert.deepEqual(
    ["pki", "pki/kubelet.crt", "pki/kubelet.key"].map((path) => statSync(scratch.path(path)).mode & 0o777),
    [0o755, 0o644, 0o600],
  );
});

test("client certificates open the main port, and only those of the CA of now", async () => {
  await using scratch = new Scratch("server");
  await using server = await openServer(guarded(scratch), depsOf(), never);
  const main = await server.main;
  assert.deepEqual(await getTls(main, "/pods"), { status: 401, body: "Unauthorized" });
  assert.equal((await getTls(main, "/pods", asClient(stranger))).status, 401);
  const before = JSON.parse((await getTls(main, "/pods", asClient(admin))).body);
  assert.equal(before.items[0].metadata.name, "web-node-1");

  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  assert.equal((await getTls(main, "/pods", { ...asClient(admin), agent })).status, 200);
  writeFileSync(scratch.path("ca.crt.new"), otherCa.cert);
  renameSync(scratch.path("ca.crt.new"), scratch.path("ca.crt"));
  await until(async () => (await getTls(main, "/pods", asClient(stranger))).status === 200);
  // The same connection, let in before: its CA is gone.
  assert.equal((await getTls(main, "/pods", { ...asClient(admin), agent })).status, 401);
  agent.destroy();
});

test("a CA file that can't be read keeps the last one", async () => {
  await using scratch = new Scratch("server");
  await using server = await openServer(guarded(scratch), depsOf(), never);
  const main = await server.main;
  writeFileSync(scratch.path("ca.crt"), "half a file");
  await sleep(300);
  assert.equal((await getTls(main, "/pods", asClient(admin))).status, 200);
});

test("a missing CA file, and half a pair, keep the main port shut with a reason", async () => {
  await using scratch = new Scratch("server");
  const options = optionsIn(scratch);
  const missing = { ...options, access: { ...options.access, clientCaFile: scratch.path("no.crt") } };
  {
    await using server = await openServer(missing, depsOf(), never);
    await assert.rejects(
      server.main,
      (error) => isFault(error, "start-refused") && /no\.crt.*no such file/.test(error.message),
    );
  }
  assert.equal(existsSync(scratch.path("pki")), false);
  mkdirSync(scratch.path("pki"));
  writeFileSync(scratch.path("pki", "kubelet.key"), "x");
  await using server = await openServer(options, depsOf(), never);
  await assert.rejects(
    server.main,
    /certificate file .*kubelet\.crt" is missing; restore it, or remove the other one too/,
  );
});

test("the serving certificate is reloaded when its file changes", async () => {
  await using scratch = new Scratch("server");
  const put = async (name: string) => {
    const { cert, key } = await issue({ commonName: name, usage: "server", by: ca });
    writeFileSync(scratch.path("k.new"), key);
    renameSync(scratch.path("k.new"), scratch.path("tls.key"));
    writeFileSync(scratch.path("c.new"), cert);
    renameSync(scratch.path("c.new"), scratch.path("tls.crt"));
  };
  await put("first");
  const options = optionsIn(scratch);
  const pair = { ...options.pair, certFile: scratch.path("tls.crt"), keyFile: scratch.path("tls.key") };
  await using server = await openServer({ ...options, pair }, depsOf(), never);
  const main = await server.main;
  const served = async () => {
    const call = httpsRequest(`https://${main}/healthz`, { agent: false, rejectUnauthorized: false });
    call.once("response", (reply) => reply.resume());
    call.end();
    const [socket] = await once(call, "socket");
    await once(socket, "secureConnect");
    return socket.getPeerCertificate().subject.CN as string;
  };
  assert.equal(await served(), "first");
  await put("second");
  await until(async () => (await served()) === "second");
});

test("a serving certificate that the cluster gives is served when it comes, and handshakes fail until then", async () => {
  await using scratch = new Scratch("server");
  const options = optionsIn(scratch);
  const pair = { ...options.pair, fromCluster: true };
  await using server = await openServer({ ...options, pair }, depsOf(), never);
  const main = await server.main;
  const served = async (): Promise<string> => {
    const call = httpsRequest(`https://${main}/healthz`, { agent: false, rejectUnauthorized: false });
    const [reply] = await Promise.all([once(call, "response"), call.end()]);
    reply[0].resume();
    return reply[0].socket.getPeerCertificate().subject.CN;
  };
  await assert.rejects(served(), /handshake failure|SSL/i);
  mkdirSync(options.pair.certDirectory);
  for (const name of ["first", "second"]) {
    const { cert, key } = await issue({ commonName: name, usage: "server", by: ca });
    const file = `${options.pair.certDirectory}/${name}.pem`;
    writeFileSync(file, `${cert}${ca.cert}${key}`);
    symlinkSync(file, `${options.pair.certDirectory}/updated`);
    renameSync(`${options.pair.certDirectory}/updated`, `${options.pair.certDirectory}/kubelet-server-current.pem`);
    await until(async () => (await served().catch(() => "")) === name);
  }
});

test("a main port that is taken is refused by name, the health port waits for its turn", async () => {
  await using scratch = new Scratch("server");
  const taker = createServer().listen(0, "127.0.0.1");
  await once(taker, "listening");
  const taken = taker.address();
  assert.ok(taken !== null && typeof taken === "object");
  const quick: Clock = { ...clock, sleep: (_span, signal) => clock.sleep(millis(20), signal) };
  const at = { host: "127.0.0.1", port: taken.port };
  await using server = await openServer(optionsIn(scratch, { main: at, health: at }), depsOf({ clock: quick }), never);
  await assert.rejects(
    server.main,
    (error) =>
      isFault(error, "start-refused") &&
      error.message.startsWith(
        `Cannot listen on 127.0.0.1:${taken.port}: the port is taken by process ${process.pid} (`,
      ),
  );
  taker.close();
  assert.equal((await getPlain(await server.health, "/healthz")).status, 200);
});

test("the local socket is for root only, replaces a dead one and refuses a live one", async () => {
  await using scratch = new Scratch("server");
  const options = optionsIn(scratch, { main: undefined, health: undefined });
  {
    await using server = await openServer(options, depsOf(), never);
    assert.equal(await server.main, undefined);
    assert.equal(statSync(options.socketPath).mode & 0o777, 0o600);
    await assert.rejects(openServer(options, depsOf(), never), /another process serves it; is a kubelet running/);
    const node = JSON.parse((await getLocal(options.socketPath, "/local/node")).body);
    assert.equal(node.nodeName, "node-1");
    const reply = await createLocalClient(options.socketPath).get("/pods", never);
    assert.equal(reply.status, 200);
    for await (const _ of reply.body);
  }
  assert.equal(existsSync(options.socketPath), false);
  await assert.rejects(
    createLocalClient(options.socketPath).get("/pods", never),
    (error) => isFault(error, "file-failed") && error.fault.errno === "ENOENT",
  );
  // What kill -9 leaves: a socket that nobody serves.
  const dead = createServer().listen(`${options.socketPath}.dead`);
  await once(dead, "listening");
  renameSync(`${options.socketPath}.dead`, options.socketPath);
  dead.close();
  await once(dead, "close");
  assert.ok(existsSync(options.socketPath));
  await using server = await openServer(options, depsOf(), never);
  await server.main;
  assert.equal((await getLocal(options.socketPath, "/healthz")).status, 200);
});

const line = (text: string) => `2026-01-01T00:00:00Z stdout F ${text}\n`;

test("a log is followed over the socket until its container ends", async () => {
  await using scratch = new Scratch("server");
  const path = scratch.path("0.log");
  writeFileSync(path, line("one"));
  let running = true;
  const options = optionsIn(scratch, { main: undefined, health: undefined });
  await using server = await openServer(options, depsOf({ logPath: path, running: () => running }), never);
  await server.main;
  const { status, body } = await createLocalClient(options.socketPath).get(
    "/containerLogs/default/web-node-1/main?follow=true",
    never,
  );
  assert.equal(status, 200);
  let text = "";
  for await (const part of body) {
    text += Buffer.from(part).toString();
    if (text === "one\n") appendFileSync(path, line("two"));
    else if (text === "one\ntwo\n") {
      renameSync(path, `${path}.20260101-000000`);
      appendFileSync(`${path}.20260101-000000`, line("late"));
      writeFileSync(path, line("three"));
    } else if (text.endsWith("three\n")) running = false;
  }
  assert.equal(text, "one\ntwo\nlate\nthree\n");
});

test("the verbs read a running kubelet over its socket", async () => {
  await using scratch = new Scratch("server");
  const path = scratch.path("0.log");
  writeFileSync(path, line("one") + line("two"));
  const options = optionsIn(scratch, { main: undefined, health: undefined });
  await using server = await openServer(options, depsOf({ logPath: path }), never);
  await server.main;
  const run = async (...argv: string[]) => {
    let out = "";
    const io: VerbIo = {
      write: async (content) => {
        out += Buffer.from(content).toString();
      },
      complain: (message) => {
        out += message;
      },
      env: { KUBELET_ROOT: scratch.folder },
      now: () => new Date(),
      connect: createLocalClient,
      configDeps: () => assert.fail("not asked for"),
      host: () => assert.fail("this verb looks at no machine"),
    };
    return { code: await runVerb(argv, io, never), out };
  };
  assert.match((await run("get", "pods")).out, /^default +web-node-1 +1\/1 +Running/m);
  assert.deepEqual(await run("logs", "web", "--tail", "1"), { code: 0, out: "two\n" });
  assert.match((await run("describe", "pod", "web")).out, /^Name: +web-node-1$/m);
  assert.match((await run("logs", "web", "--since-time", "x")).out, /^Cannot show logs: .*Unable to decode query/);
});

test("a client that does not read holds a few blocks, not the log", async () => {
  await using scratch = new Scratch("server");
  const path = scratch.path("0.log");
  writeFileSync(path, line("x".repeat(1000)).repeat(60_000));
  const options = optionsIn(scratch, { main: undefined, health: undefined });
  let taken = 0;
  const deps = depsOf({ logPath: path });
  const counting: ServerDeps = {
    ...deps,
    logFiles: {
      ...deps.logFiles,
      async open(at) {
        const file = await deps.logFiles.open(at);
        return (
          file && {
            identity: file.identity,
            size: () => file.size(),
            async read(offset, length) {
              const block = await file.read(offset, length);
              taken += block.length;
              return block;
            },
            [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
          }
        );
      },
    },
  };
  await using server = await openServer(options, counting, never);
  await server.main;
  const socket = connect({ path: options.socketPath });
  socket.write("GET /containerLogs/default/web-node-1/main HTTP/1.1\r\nhost: x\r\n\r\n");
  await sleep(500);
  assert.ok(taken < 4_000_000, `${taken} bytes were read for nobody`);
  assert.equal((await getLocal(options.socketPath, "/healthz")).status, 200);
  socket.destroy();
});

test("headers of more than 1 MiB are refused, and bodies are not read", async () => {
  await using scratch = new Scratch("server");
  const options = optionsIn(scratch, { main: undefined, health: undefined });
  await using server = await openServer(options, depsOf(), never);
  await server.main;
  const answerTo = async (head: string, body = "") => {
    const socket = connect({ path: options.socketPath });
    socket.on("error", () => {});
    socket.write(head);
    socket.write(body);
    const [first] = await once(socket, "data");
    socket.destroy();
    return String(first).split("\r\n")[0];
  };
  assert.equal(
    await answerTo(`GET /healthz HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(500_000)}\r\n\r\n`),
    "HTTP/1.1 200 OK",
  );
  assert.match(
    (await answerTo(`GET /healthz HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(1_100_000)}\r\n\r\n`)) ?? "",
    / 431 /,
  );
  assert.equal(
    await answerTo("POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n", "z".repeat(10)),
    "HTTP/1.1 200 OK",
  );
  assert.match((await answerTo("nonsense\r\n\r\n")) ?? "", / 400 /);
});

test("a self-signed pair is made once and served again after a restart", async () => {
  await using scratch = new Scratch("server");
  const options = optionsIn(scratch);
  for (let n = 0; n < 2; n++) {
    await using server = await openServer(options, depsOf(), never);
    await server.main;
  }
  assert.equal(readFileSync(scratch.path("pki", "kubelet.crt"), "utf8").match(/BEGIN CERTIFICATE/g)?.length, 2);
});
