import assert from "node:assert/strict";
import { test } from "node:test";
import { pathLabel, type Route, type RouteOptions, routeOf } from "./route.ts";

const on: RouteOptions = { debugging: true, systemLogs: true, profiling: true, debugFlags: true, local: false };
const notYet = (what: string): Route => ({ kind: "not-yet", what });

const cases: readonly { ask: string; options?: Partial<RouteOptions>; route: Route }[] = [
  { ask: "GET /healthz", route: { kind: "health", check: undefined } },
  { ask: "POST /healthz", route: { kind: "health", check: undefined } },
  { ask: "GET /healthz/ping", route: { kind: "health", check: "ping" } },
  { ask: "GET /healthz/syncloop", route: { kind: "health", check: "syncloop" } },
  { ask: "GET /healthz/device-plugin", route: notYet("/healthz/device-plugin") },
  { ask: "GET /healthz/nothing", route: { kind: "no-route" } },
  { ask: "GET /metrics", route: { kind: "metrics" } },
  { ask: "GET /metrics/cadvisor", route: notYet("/metrics/cadvisor") },
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
  { ask: "GET /exec/default/web/main", route: notYet("/exec") },
  { ask: "PUT /exec/default/web/main", route: { kind: "wrong-method", allow: "GET, POST" } },
  { ask: "POST /run/default/web/main", route: notYet("/run") },
  { ask: "GET /run/default/web/main", route: { kind: "wrong-method", allow: "POST" } },
  { ask: "GET /stats/summary", route: notYet("/stats/summary") },
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
