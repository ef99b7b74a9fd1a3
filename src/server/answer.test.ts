import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../base/log.ts";
import { FakeLogFiles, stillClock } from "../logs/fake-log-files.ts";
import { makeKubeletMetrics } from "../metrics/index.ts";
import type { ContainerStatus, Pod } from "../model/kubernetes.ts";
import type { HealthCheck, NodeView } from "../node/index.ts";
import type { HttpReply, HttpRequest } from "../ports/http-server.ts";
import { type AnswerDeps, answer } from "./answer.ts";
import { noReviews } from "./gate.ts";

const CLOSED = { kind: "guarded", anonymous: false, tokens: false, authorize: false } as const;
const ok: HealthCheck = { name: "ping", problem: () => undefined };
const LOG = "/var/log/pods/default_web-n1_u1/main/2.log";
const status = (over: Partial<ContainerStatus>): ContainerStatus => ({
  name: "main",
  image: "i",
  imageID: "",
  ready: true,
  restartCount: 0,
  state: { running: {} },
  containerID: "containerd://c2",
  lastState: { terminated: { exitCode: 1, containerID: "containerd://c1" } },
  ...over,
});
const pod = (over: Partial<ContainerStatus> = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web-n1", namespace: "default", uid: "u1" },
  spec: { containers: [{ name: "main" }, { name: "side" }] },
  status: { containerStatuses: [status(over)] },
});

interface Over {
  readonly pods?: readonly Pod[];
  readonly checks?: readonly HealthCheck[];
  readonly access?: AnswerDeps["access"];
  readonly rejected?: ReturnType<NodeView["rejectedManifests"]>;
  readonly usage?: boolean;
}
function depsOf({ pods = [pod()], checks = [ok], access, rejected = [], usage = true }: Over = {}): AnswerDeps {
  const files = new FakeLogFiles();
  files.append(LOG, "2026-01-01T00:00:00Z stdout F now\n");
  files.append("/old.log", "2026-01-01T00:00:00Z stdout F before\n");
  files.append("/bad.log", "nonsense\n");
  const paths: { readonly [id: string]: string } = { c1: "/old.log", c2: LOG, c3: "/bad.log", c4: "/gone.log" };
  const view: NodeView = {
    nodeName: "n1",
    pods: () => pods,
    runningPods: async () => pods.slice(0, 1),
    rejectedManifests: () => rejected,
    events: () => [],
    timeline: () => [],
    config: () => ({ kind: "KubeletConfiguration" }),
    effectiveConfig: () => [],
    containerLog: (id) => (paths[id] === undefined ? undefined : { path: paths[id], running: () => false }),
    healthChecks: checks,
  };
  return {
    view,
    files,
    clock: stillClock,
    metrics: makeKubeletMetrics({
      nodeName: "n1",
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
    access: access ?? { ...CLOSED, anonymous: true },
    routes: { debugging: true, systemLogs: true, profiling: true, debugFlags: true },
    splitStreams: false,
    webSocketStreams: true,
    clientCas: () => [],
    log: silentLog,
    reviews: noReviews,
    runtime: () => undefined,
    snapshot: () => undefined,
    usage: {
      summary: async (only) => (usage ? JSON.stringify({ only }) : Promise.reject(new Error("no runtime"))),
      metrics: async () => "resource_scrape_error 0\n",
    },
  };
}

async function bodyOf({ body }: HttpReply): Promise<string> {
  if (typeof body === "string") return body;
  if (body instanceof Uint8Array) return Buffer.from(body).toString();
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts).toString();
}
async function get(target: string, over: Over = {}, more: Partial<HttpRequest> = {}) {
  const [path = "", query = ""] = target.split("?");
  const request: HttpRequest = {
    method: "GET",
    path,
    query: new URLSearchParams(query),
    headers: {},
    peer: { kind: "tls", chain: [], verified: false },
    ...more,
  };
  const reply = await answer(request, depsOf(over), new AbortController().signal);
  if ("to" in reply) assert.fail("an upgrade");
  return { status: reply.status, headers: reply.headers, body: await bodyOf(reply) };
}

const failing: HealthCheck = { name: "syncloop", problem: () => "no iteration for 6 min" };
const logs = "/containerLogs/default/web-n1/main";
const cases: readonly { ask: string; over?: Over; more?: Partial<HttpRequest>; status: number; body: string }[] = [
  { ask: "/healthz", status: 200, body: "ok" },
  { ask: "/healthz?verbose", status: 200, body: "[+]ping ok\nhealthz check passed\n" },
  {
    ask: "/healthz",
    over: { checks: [ok, failing] },
    status: 500,
    body: "[+]ping ok\n[-]syncloop failed: reason withheld\nhealthz check failed\n",
  },
  { ask: "/healthz?exclude=syncloop", over: { checks: [ok, failing] }, status: 200, body: "ok" },
  {
    ask: "/healthz?verbose&exclude=syncloop&exclude=b",
    over: { checks: [ok, failing] },
    status: 200,
    body: '[+]ping ok\n[+]syncloop excluded: ok\nwarn: some health checks cannot be excluded: no matches for "b"\nhealthz check passed\n',
  },
  {
    ask: "/healthz/syncloop",
    over: { checks: [failing] },
    status: 500,
    body: "internal server error: no iteration for 6 min\n",
  },
  { ask: "/healthz/ping", status: 200, body: "ok" },
  { ask: "/configz", status: 200, body: '{"kubeletconfig":{"kind":"KubeletConfiguration"}}' },
  { ask: "/foo", status: 404, body: "404 page not found\n" },
  { ask: "/pods/x", status: 404, body: "404: Page Not Found" },
  { ask: "/pods", more: { method: "DELETE" }, status: 405, body: "405: Method Not Allowed" },
  {
    ask: "/metrics/cadvisor",
    status: 501,
    body: "/metrics/cadvisor is not supported yet by this kubelet (kubelet-ts); see docs/differences.md\n",
  },
  { ask: "/stats/summary", status: 200, body: '{"only":false}' },
  { ask: "/stats/summary?only_cpu_and_memory=true", status: 200, body: '{"only":true}' },
  { ask: "/stats/summary?only_cpu_and_memory=1", status: 200, body: '{"only":false}' },
  { ask: "/stats/summary", over: { usage: false }, status: 500, body: "Internal Error: no runtime" },
  { ask: "/metrics/resource", status: 200, body: "resource_scrape_error 0\n" },
  {
    ask: "/pods",
    over: { access: { ...CLOSED, anonymous: true, authorize: true } },
    status: 403,
    body: "Forbidden (user=system:anonymous, verb=get, resource=nodes, subresource(s)=[pods proxy])\n",
  },
  { ask: "/pods", over: { access: CLOSED }, status: 401, body: "Unauthorized" },
  { ask: "/foo", over: { access: CLOSED }, status: 404, body: "404 page not found\n" },
  { ask: "/pods/x", over: { access: CLOSED }, status: 401, body: "Unauthorized" },
  { ask: "/healthz", over: { access: CLOSED }, status: 401, body: "Unauthorized" },
  { ask: "/healthz", over: { access: { kind: "health-only" } }, status: 200, body: "ok" },
  { ask: logs, status: 200, body: "now\n" },
  { ask: `${logs}?timestamps=true`, status: 200, body: "2026-01-01T00:00:00.000000000Z now\n" },
  { ask: `${logs}?previous=true`, status: 200, body: "before\n" },
  { ask: `${logs}?follow=true`, status: 200, body: "now\n" },
  { ask: logs, over: { pods: [pod({ containerID: "containerd://c1" }), pod()] }, status: 200, body: "now\n" },
  { ask: `${logs}?tailLines=x`, status: 400, body: '{"message": "Unable to decode query."}' },
  { ask: `${logs}?tailLines=-1`, status: 422, body: '{"message": "Invalid request."}' },
  { ask: "/containerLogs/default/nope/main", status: 404, body: 'pod "nope" does not exist' },
  { ask: "/containerLogs/default/web-n1/nope", status: 404, body: 'container "nope" not found in pod "web-n1"' },
  { ask: "/containerLogs/default/web-n1/side", status: 400, body: 'container "side" in pod "web-n1" is not available' },
  {
    ask: logs,
    over: { pods: [pod({ state: { waiting: { reason: "ErrImagePull" } }, lastState: {} })] },
    status: 400,
    body: `container "main" in pod "web-n1" is waiting to start: image can't be pulled`,
  },
  {
    ask: logs,
    over: { pods: [pod({ state: { waiting: { reason: "ContainerCreating" } }, lastState: {} })] },
    status: 400,
    body: 'container "main" in pod "web-n1" is waiting to start: ContainerCreating',
  },
  {
    ask: logs,
    over: { pods: [pod({ state: { waiting: { reason: "CrashLoopBackOff" } } })] },
    status: 200,
    body: "before\n",
  },
  {
    ask: `${logs}?previous=true`,
    over: { pods: [pod({ lastState: {} })] },
    status: 400,
    body: 'previous terminated container "main" in pod "web-n1" not found',
  },
  {
    ask: logs,
    over: { pods: [pod({ containerID: "containerd://c9" })] },
    status: 400,
    body: "the runtime no longer knows container containerd://c9; its log is gone with it",
  },
  {
    ask: logs,
    over: { pods: [pod({ containerID: "containerd://c3" })] },
    status: 400,
    body: 'Cannot read container log: unsupported log format: "nonsense\\n"',
  },
  {
    ask: `${logs}?follow=true`,
    over: { pods: [pod({ containerID: "containerd://c4" })] },
    status: 400,
    body: "Cannot read container log /gone.log: there is no such file; the runtime may have removed it",
  },
];
for (const { ask, over, more, status: expected, body } of cases) {
  test(`answer() ${more?.method ?? "GET"} ${ask} ${over ? `(${Object.keys(over)}) ` : ""}with ${expected}`, async () => {
    const reply = await get(ask, over, more);
    assert.deepEqual({ status: reply.status, body: reply.body }, { status: expected, body });
  });
}

test("answer() lists pods without their types, and the manifests that can't be pods", async () => {
  const rejected = [{ source: "/m/bad.yaml", message: "Cannot read", problems: [] }];
  const list = JSON.parse((await get("/pods", { rejected })).body);
  assert.deepEqual(Object.keys(list), ["kind", "apiVersion", "metadata", "items", "rejectedManifests"]);
  assert.equal(list.items[0].metadata.name, "web-n1");
  assert.equal(list.items[0].kind, undefined);
  assert.deepEqual(list.rejectedManifests, rejected);
});

test("answer() names the methods that are allowed", async () => {
  assert.equal((await get("/exec/a/b/c", {}, { method: "HEAD" })).headers.allow, "GET, POST");
});

test("answer() counts requests, and those that are not over", async () => {
  const labels = '{method="GET",path="metrics",server_type="readwrite",long_running="false"}';
  const deps = depsOf();
  const over = new AbortController();
  const request: HttpRequest = {
    ...{ method: "GET", path: "/metrics", query: new URLSearchParams(), headers: {} },
    peer: { kind: "tls", chain: [], verified: false },
  };
  await answer(request, deps, over.signal);
  const counted = async () =>
    (await deps.metrics.render()).split("\n").filter((line) => /^kubelet_http_[a-z_]+\{/.test(line));
  assert.deepEqual(await counted(), [
    `kubelet_http_inflight_requests${labels} 1`,
    `kubelet_http_requests_total${labels} 1`,
  ]);
  over.abort();
  assert.equal((await counted())[0], `kubelet_http_inflight_requests${labels} 0`);
});

test("answer() keeps /local for the socket", async () => {
  assert.equal((await get("/local/node")).status, 404);
  const node = await get("/local/node", { checks: [failing] }, { peer: { kind: "local" } });
  assert.deepEqual(JSON.parse(node.body), {
    nodeName: "n1",
    health: [{ name: "syncloop", problem: "no iteration for 6 min" }],
  });
  assert.equal((await get("/local/toString", {}, { peer: { kind: "local" } })).status, 404);
});
