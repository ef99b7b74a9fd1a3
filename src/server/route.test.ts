import assert from "node:assert/strict";
import { test } from "node:test";
import { guardOf, methodLabel, pathLabel, type Route, type RouteOptions, routeOf } from "./route.ts";

const on: RouteOptions = { debugging: true, systemLogs: true, profiling: true, debugFlags: true, local: false };
const notYet = (what: string): Route => ({ kind: "not-yet", what });

const WEB = { namespace: "default", pod: "web" };

const cases: readonly { ask: string; options?: Partial<RouteOptions>; route: Route }[] = [
  { ask: "GET /healthz", route: { kind: "health", check: undefined } },
  { ask: "POST /healthz", route: { kind: "health", check: undefined } },
  { ask: "GET /healthz/ping", route: { kind: "health", check: "ping" } },
  { ask: "GET /healthz/syncloop", route: { kind: "health", check: "syncloop" } },
  { ask: "GET /healthz/device-plugin", route: notYet("/healthz/device-plugin") },
  { ask: "GET /healthz/nothing", route: { kind: "no-route" } },
  { ask: "GET /metrics", route: { kind: "metrics" } },
  { ask: "GET /metrics/probes", route: { kind: "probe-metrics" } },
  { ask: "GET /metrics/cadvisor", route: notYet("/metrics/cadvisor") },
  { ask: "GET /metrics/resource", route: { kind: "resource-metrics" } },
  { ask: "GET /metrics/foo", route: { kind: "no-route" } },
  { ask: "GET /pods", route: { kind: "pods" } },
  { ask: "GET /pods/", route: { kind: "pods" } },
  { ask: "GET /pods/x", route: { kind: "not-found" } },
  { ask: "HEAD /pods", route: { kind: "wrong-method", allow: "GET" } },
  { ask: "POST /pods", route: { kind: "wrong-method", allow: "GET" } },
  { ask: "GET /podsx", route: { kind: "no-route" } },
  { ask: "GET /runningpods/", route: { kind: "running-pods" } },
  { ask: "GET /runningpods", route: { kind: "moved", to: "/runningpods/" } },
  { ask: "GET /configz", route: { kind: "configz" } },
  { ask: "GET /configz/x", route: { kind: "no-route" } },
  {
    ask: "GET /containerLogs/default/web-n1/main",
    route: { kind: "container-logs", namespace: "default", pod: "web-n1", container: "main" },
  },
  {
    ask: "GET /containerLogs/default/we%62/main/",
    route: { kind: "container-logs", namespace: "default", pod: "web", container: "main" },
  },
  { ask: "GET /containerLogs/default/web", route: { kind: "not-found" } },
  { ask: "GET /containerLogs/default//main", route: { kind: "not-found" } },
  { ask: "GET /containerLogs/default/%ff/main", route: { kind: "not-found" } },
  { ask: "POST /containerLogs/default/web/main", route: { kind: "wrong-method", allow: "GET" } },
  { ask: "GET /exec/default/web/main", route: { kind: "exec", ...WEB, container: "main" } },
  { ask: "POST /exec/default/web/u1/main", route: { kind: "exec", ...WEB, uid: "u1", container: "main" } },
  { ask: "GET /exec/default/web", route: { kind: "not-found" } },
  { ask: "GET /exec/default/web/u1/main/x", route: { kind: "not-found" } },
  { ask: "GET /exec/default/web//main", route: { kind: "not-found" } },
  { ask: "GET /exec/default/web%2Fmain", route: { kind: "not-found" } },
  {
    ask: "GET /exec/default/..%2f..%2fpods/main",
    route: { kind: "exec", namespace: "default", pod: "../../pods", container: "main" },
  },
  { ask: "GET /exec/%2e%2e/web/main", route: { kind: "exec", namespace: "..", pod: "web", container: "main" } },
  { ask: "GET /pods%2f..%2fexec/a/b/c", route: { kind: "no-route" } },
  { ask: "GET /attach/default/web/main", route: { kind: "attach", ...WEB, container: "main" } },
  { ask: "GET /attach", route: { kind: "moved", to: "/attach/" } },
  { ask: "POST /portForward/default/web", route: { kind: "port-forward", ...WEB } },
  { ask: "GET /portForward/default/web/u1", route: { kind: "port-forward", ...WEB, uid: "u1" } },
  { ask: "GET /portForward/default", route: { kind: "not-found" } },
  { ask: "PUT /exec/default/web/main", route: { kind: "wrong-method", allow: "GET, POST" } },
  { ask: "POST /run/default/web/main", route: { kind: "run", ...WEB, container: "main" } },
  { ask: "GET /run/default/web/main", route: { kind: "wrong-method", allow: "POST" } },
  { ask: "GET /stats/summary", route: { kind: "summary" } },
  { ask: "GET /stats/other", route: { kind: "not-found" } },
  { ask: "GET /debug/flags/v", route: notYet("/debug/flags/v") },
  { ask: "GET /", route: { kind: "no-route" } },
  { ask: "GET /foo", route: { kind: "no-route" } },
  { ask: "GET /local/node", route: { kind: "no-route" } },
  { ask: "GET /local/node", options: { local: true }, route: { kind: "local", what: ["node"] } },
  {
    ask: "GET /exec/a/b/c",
    options: { debugging: false },
    route: { kind: "debug-off", text: "Debug endpoints are disabled." },
  },
  { ask: "GET /configz", options: { debugging: false }, route: { kind: "no-route" } },
  { ask: "GET /pods", options: { debugging: false }, route: { kind: "pods" } },
  {
    ask: "GET /logs/",
    options: { systemLogs: false },
    route: { kind: "debug-off", text: "logs endpoint is disabled." },
  },
  {
    ask: "GET /debug/pprof/",
    options: { profiling: false },
    route: { kind: "debug-off", text: "profiling endpoint is disabled." },
  },
];
for (const { ask, options, route } of cases) {
  const [method = "", path = ""] = ask.split(" ");
  test(`routeOf() ${ask}${options ? ` with ${JSON.stringify(options)}` : ""} is ${route.kind}`, () => {
    assert.deepEqual(routeOf(method, path, { ...on, ...options }), route);
  });
}

test("pathLabel() keeps to a closed set", () => {
  const paths = ["/pods", "/containerLogs/a/b/c", "/metrics/cadvisor", "/metrics", "/x/y", "/"];
  assert.deepEqual(paths.map(pathLabel), ["pods", "containerLogs", "metrics/cadvisor", "metrics", "other", "other"]);
});

/** kubelet-surface.md 3.3. */
const guards: readonly [ask: string, verb: string, ...subresources: string[]][] = [
  ["GET /stats/summary", "get", "stats"],
  ["POST /stats/summary", "create", "stats"],
  ["GET /metrics", "get", "metrics"],
  ["GET /metrics/resource", "get", "metrics"],
  ["GET /metrics/cadvisor", "get", "metrics"],
  ["GET /logs/syslog", "get", "log"],
  ["POST /checkpoint/a/b/c", "create", "checkpoint"],
  ["GET /statusz", "get", "statusz"],
  ["GET /flagz", "get", "configz"],
  ["GET /pods", "get", "pods", "proxy"],
  ["GET /pods/x", "get", "pods", "proxy"],
  ["GET /runningpods/", "get", "pods", "proxy"],
  ["GET /healthz", "get", "healthz", "proxy"],
  ["GET /healthz/ping", "get", "healthz", "proxy"],
  ["GET /configz", "get", "configz", "proxy"],
  ["GET /containerLogs/a/b/c", "get", "proxy"],
  ["GET /debug/pprof/", "get", "proxy"],
  ["PUT /debug/flags/v", "update", "proxy"],
  ["POST /run/a/b/c", "create", "proxy"],
  ["POST /exec/a/b/c", "create", "proxy"],
  // Stricter than upstream: what acts needs the right to act.
  ["GET /exec/a/b/c", "create", "proxy"],
  ["GET /attach/a/b/c", "create", "proxy"],
  ["GET /portForward/a/b", "create", "proxy"],
  ["PATCH /pods", "patch", "pods", "proxy"],
  ["DELETE /metrics/slis", "delete", "metrics"],
  ["HEAD /pods", "", "pods", "proxy"],
  ["OPTIONS /exec/a/b/c", "", "proxy"],
  ["constructor /pods", "", "pods", "proxy"],
];
for (const [ask, verb, ...subresources] of guards) {
  const [method = "", path = ""] = ask.split(" ");
  test(`guardOf() ${ask} wants ${verb || "no verb"} on ${subresources}`, () => {
    assert.deepEqual(guardOf(method, path), { verb, subresources });
  });
}

test("methodLabel() keeps to a closed set", () => {
  assert.deepEqual(["GET", "CONNECT", "get", "PROPFIND"].map(methodLabel), ["GET", "CONNECT", "other", "other"]);
});
