import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container, HTTPGetAction, Probe } from "../model/kubernetes.ts";
import { requestOf } from "./request.ts";

const CONTAINER: Container = {
  name: "web",
  ports: [{ name: "http", containerPort: 8080 }],
  env: [
    { name: "WORD", value: "hello" },
    { name: "SECRET", valueFrom: { secretKeyRef: { name: "s", key: "k" } } },
  ],
};
const UA = { name: "User-Agent", value: "kube-probe/1.37" };
const ACCEPT = { name: "Accept", value: "*/*" };
const ask = (probe: Probe) => requestOf(probe, CONTAINER, "10.0.0.9");
const http = (more: Partial<HTTPGetAction>) => ask({ httpGet: { port: 80, ...more } });
const HTTP = { scheme: "http", host: "10.0.0.9", port: 80, path: "/", headers: [UA, ACCEPT] };

const cases: readonly { name: string; asked: () => unknown; is: unknown }[] = [
  { name: "asks the pod", asked: () => http({}), is: { kind: "http", probe: HTTP } },
  {
    name: "takes host, scheme and a named port",
    asked: () => http({ host: "h", scheme: "HTTPS", port: "http", path: "/a b?c=d#e" }),
    is: { kind: "http", probe: { ...HTTP, scheme: "https", host: "h", port: 8080, path: "/a%20b?c=d" } },
  },
  {
    name: "keeps only path and query of a URL",
    asked: () => http({ path: "http://other.example/x?y" }),
    is: { kind: "http", probe: { ...HTTP, path: "/x?y" } },
  },
  {
    name: "lets headers replace its own",
    asked: () =>
      http({
        httpHeaders: [
          { name: "user-agent", value: "me" },
          { name: "ACCEPT", value: "" },
          { name: "x-request-id", value: "1" },
        ],
      }),
    is: {
      kind: "http",
      probe: {
        ...HTTP,
        headers: [
          { name: "User-Agent", value: "me" },
          { name: "X-Request-Id", value: "1" },
        ],
      },
    },
  },
  {
    name: "knocks at a port",
    asked: () => ask({ tcpSocket: { port: "http", host: "::1" } }),
    is: { kind: "tcp", host: "::1", port: 8080 },
  },
  {
    name: "asks a service for its health",
    asked: () => ask({ grpc: { port: 9, service: "db" } }),
    is: { kind: "grpc", host: "10.0.0.9", port: 9, service: "db" },
  },
  {
    name: "fills a command from what the spec itself says",
    asked: () => ask({ exec: { command: ["echo", "$(WORD) $(SECRET)$(NONE) $$(WORD)"] } }),
    is: { kind: "exec", command: ["echo", "hello $(NONE) $(WORD)"] },
  },
];
for (const { name, asked, is } of cases) test(`requestOf() ${name}`, () => assert.deepEqual(asked(), is));

const refused: readonly { name: string; asked: () => unknown; message: string }[] = [
  { name: "a port without a number", asked: () => http({ port: "metrics" }), message: 'port "metrics" not found' },
  { name: "a port that is none", asked: () => http({ port: 70_000 }), message: "invalid port number: 70000" },
  { name: "a probe without a kind", asked: () => ask({}), message: "missing probe handler for container web" },
  {
    name: "a pod without an address",
    asked: () => requestOf({ tcpSocket: { port: 1 } }, CONTAINER, undefined),
    message: "the pod has no address yet",
  },
];
for (const { name, asked, message } of refused)
  test(`requestOf() refuses ${name}`, () => assert.throws(asked, { message }));
