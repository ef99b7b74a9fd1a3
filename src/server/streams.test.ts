import assert from "node:assert/strict";
import { test } from "node:test";
import { KubeletError } from "../base/fault.ts";
import type { Pod } from "../model/kubernetes.ts";
import type { PodSnapshot } from "../model/runtime.ts";
import type { HttpRequest } from "../ports/http-server.ts";
import type { Runtime } from "../ports/runtime.ts";
import { routeOf } from "./route.ts";
import { type StreamRoute, streamReply } from "./streams.ts";

const never = new AbortController().signal;
const pod: Pod = {
  metadata: { name: "web", namespace: "default", uid: "u1" },
  spec: {
    containers: [{ name: "main" }, { name: "term", tty: true }, { name: "ended" }],
    initContainers: [{ name: "side" }],
    ephemeralContainers: [{ name: "debug" }],
  },
};
const container = (name: string, state: string) => ({ id: `id-${name}`, name, state });
const snapshot = {
  sandboxes: [{ id: "sandbox", state: "ready" }],
  containers: [
    container("main", "running"),
    container("term", "running"),
    container("ended", "exited"),
    container("side", "running"),
    container("debug", "running"),
  ],
} as unknown as PodSnapshot;
const stopping = {
  sandboxes: [{ id: "sandbox-0", state: "ready" }],
  containers: [{ ...container("main", "running"), id: "id-main-0" }],
} as unknown as PodSnapshot;
const spdy = { connection: "Upgrade", upgrade: "SPDY/3.1" };
const web = (protocol: string) => ({
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-protocol": protocol,
});

/** Deleted by force, and still stopping beside the next of its name. */
const older: Pod = { ...pod, metadata: { ...pod.metadata, uid: "u0" } };

interface Ask {
  readonly ask: string;
  readonly headers?: HttpRequest["headers"];
  /** What the runtime was asked, and what came of it; a text is the body. */
  readonly called?: string;
  readonly passage?: object;
  readonly status?: number;
  readonly body?: string;
  readonly fails?: Error;
  readonly seen?: PodSnapshot;
  readonly counted?: string;
  readonly translates?: boolean;
}

async function send({ ask, headers = spdy, fails, seen = snapshot, translates = true }: Ask) {
  const [method = "", target = ""] = ask.split(" ");
  const [path = "", query = ""] = target.split("?");
  let called: string | undefined;
  let counted: string | undefined;
  const call = (name: string) => async (id: string, what: unknown) => {
    called = `${name} ${id} ${JSON.stringify(what)}`;
    if (fails) throw fails;
    return "http://127.0.0.1:1/token";
  };
  const runtime = {
    exec: call("exec"),
    attach: call("attach"),
    portForward: call("portForward"),
    execSync: async (id: string, command: readonly string[]) => {
      called = `run ${id} ${JSON.stringify(command)}`;
      const exitCode = command[0] === "false" ? 1 : 0;
      return { stdout: Buffer.from("out"), stderr: Buffer.from("err"), exitCode };
    },
  } as unknown as Runtime;
  const route = routeOf(method, path, {
    debugging: true,
    systemLogs: true,
    profiling: true,
    debugFlags: true,
    local: false,
  });
  const request: HttpRequest = {
    method,
    path,
    query: new URLSearchParams(query),
    headers,
    peer: { kind: "local" },
  };
  const reply = await streamReply(
    route as StreamRoute,
    request,
    {
      view: { pods: () => [older, pod] },
      metrics: { webSocketStreams: { add: (labels) => (counted = labels?.subresource), remove: () => {} } },
      runtime: () => runtime,
      webSocketStreams: translates,
      snapshot: (uid) => (uid === "u1" ? seen : uid === "u0" ? stopping : undefined),
    },
    never,
  );
  return { reply, called, counted };
}

const refused = (status: string) =>
  new KubeletError("Cannot exec: full", { code: "runtime-refused", call: "Exec", status });
const main = "/exec/default/web/main";
const streams = (over: object) => JSON.stringify({ stdin: false, stdout: false, stderr: false, tty: false, ...over });
const bytes = { kind: "bytes" };
const channels = { kind: "channels", stdin: true, stdout: true, stderr: false, tty: true };
const cases: readonly Ask[] = [
  {
    ask: `POST ${main}?command=sh&command=-c&command=ls%20-l&output=1&error=1`,
    called: `exec id-main ${JSON.stringify({ stdin: false, stdout: true, stderr: true, tty: false, command: ["sh", "-c", "ls -l"] })}`,
    passage: bytes,
  },
  {
    ask: `GET ${main}?command=sh&input=1&output=1&error=1&tty=1`,
    headers: web("v4.channel.k8s.io"),
    called: `exec id-main ${JSON.stringify({ stdin: true, stdout: true, stderr: false, tty: true, command: ["sh"] })}`,
    passage: bytes,
  },
  {
    ask: `GET ${main}?command=sh&input=1&output=1&error=1&tty=1`,
    headers: web("v5.channel.k8s.io, v4.channel.k8s.io"),
    passage: channels,
    counted: "exec",
  },
  { ask: `GET ${main}?output=1`, headers: web("v5.channel.k8s.io"), translates: false, passage: bytes },
  {
    ask: "GET /portForward/default/web",
    headers: web("SPDY/3.1+portforward.k8s.io"),
    translates: false,
    status: 400,
    body: 'query parameter "port" is required',
  },
  { ask: "POST /exec/default/web/u1/side?output=1", passage: bytes },
  { ask: "POST /exec/default/web/debug?output=1", passage: bytes },
  { ask: `POST ${main}?command=sh`, status: 400, body: "you must specify at least 1 of stdin, stdout, stderr" },
  { ask: `POST ${main}?output=true`, status: 400, body: "you must specify at least 1 of stdin, stdout, stderr" },
  { ask: `POST ${main}?output=1`, headers: {}, status: 400, body: "Upgrade request required" },
  { ask: "POST /exec/default/nope/main?output=1", status: 404, body: "pod does not exist" },
  { ask: "POST /exec/other/web/main?output=1", status: 404, body: "pod does not exist" },
  { ask: "POST /exec/default/..%2f..%2fweb/main?output=1", status: 404, body: "pod does not exist" },
  { ask: "POST /exec/default/web/nope?output=1", status: 500, body: 'container not found ("nope")' },
  { ask: "POST /exec/default/web/ended?output=1", status: 500, body: 'container not found ("ended")' },
  { ask: "POST /exec/default/web/u2/main?output=1", status: 500, body: 'container not found ("main")' },
  { ask: `POST ${main}?output=1`, fails: refused("ResourceExhausted"), status: 429, body: "Cannot exec: full" },
  { ask: `POST ${main}?output=1`, fails: refused("Internal"), status: 500, body: "Cannot exec: full" },
  {
    ask: `POST ${main}?output=1`,
    fails: new KubeletError("gone", { code: "runtime-not-found", call: "Exec", id: "x" }),
    status: 404,
    body: "gone",
  },
  {
    ask: "POST /attach/default/web/term?input=1&output=1&error=1",
    called: `attach id-term ${streams({ stdin: true, stdout: true, stderr: true, tty: true })}`,
    passage: bytes,
  },
  {
    ask: "GET /attach/default/web/main?output=1&tty=1",
    headers: web("v5.channel.k8s.io"),
    called: `attach id-main ${streams({ stdout: true })}`,
    passage: { kind: "channels", stdin: false, stdout: true, stderr: false, tty: true },
    counted: "attach",
  },
  {
    ask: "POST /attach/default/web/nope?output=1",
    status: 500,
    body: "container nope not found in pod web_default",
  },
  { ask: "POST /portForward/default/web", called: "portForward sandbox []", passage: bytes },
  { ask: "POST /portForward/default/web/u1", called: "portForward sandbox []", passage: bytes },
  { ask: "POST /portForward/default/web/u2", status: 404, body: "pod not found" },
  { ask: "POST /portForward/default/nope", status: 404, body: "pod does not exist" },
  { ask: "POST /portForward/default/web", headers: {}, status: 400, body: "Upgrade request required" },
  {
    ask: "GET /portForward/default/web?port=80,443&port=8080",
    headers: web("v4.channel.k8s.io"),
    called: "portForward sandbox [80,443,8080]",
    passage: bytes,
  },
  {
    ask: "GET /portForward/default/web",
    headers: web("SPDY/3.1+portforward.k8s.io"),
    called: "portForward sandbox []",
    passage: { kind: "tunnel" },
    counted: "portforward",
  },
  { ask: "GET /portForward/default/web", headers: web("a"), status: 400, body: 'query parameter "port" is required' },
  {
    ask: "GET /portForward/default/web?port=",
    headers: web("a"),
    status: 400,
    body: 'query parameter "port" cannot be empty',
  },
  { ask: "GET /portForward/default/web?port=0", headers: web("a"), status: 400, body: 'port "0" must be > 0' },
  {
    ask: "GET /portForward/default/web?port=65536",
    headers: web("a"),
    status: 400,
    body: 'unable to parse "65536" as a port',
  },
  {
    ask: "POST /portForward/default/web",
    seen: { ...snapshot, sandboxes: [] },
    status: 500,
    body: 'pod not found ("web_default")',
  },
  {
    ask: "POST /run/default/web/main?cmd=ls%20-l",
    headers: {},
    called: 'run id-main ["ls","-l"]',
    status: 200,
    body: "outerr",
  },
  {
    ask: "POST /run/default/web/main?cmd=false",
    headers: {},
    status: 500,
    body: "command 'false' exited with 1: err",
  },
  { ask: "POST /run/default/web/nope?cmd=ls", headers: {}, status: 500, body: 'container not found ("nope")' },
];
for (const one of cases) {
  const { ask, headers, fails } = one;
  const how = [headers && JSON.stringify(headers), fails?.message].filter(Boolean).join(", ");
  test(`streamReply() ${ask} ${how}`, async () => {
    const { reply, called, counted } = await send(one);
    if (one.called !== undefined) assert.equal(called, one.called);
    assert.equal(counted, one.counted);
    if ("to" in reply) assert.deepEqual(reply, { to: "http://127.0.0.1:1/token", passage: one.passage });
    else assert.deepEqual([reply.status, String(reply.body)], [one.status, one.body]);
  });
}
