import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../base/log.ts";
import { stillClock } from "../logs/fake-log-files.ts";
import type { HttpRequest } from "../ports/http-server.ts";
import type { Identity } from "./access.ts";
import { type GateDeps, judge, type Reviews } from "./gate.ts";
import { guardOf } from "./route.ts";

const never = new AbortController().signal;
const jane: Identity = { user: "jane", groups: ["system:authenticated"], by: "token" };

interface Setup {
  /** Whose tokens are known; "broken" can't be checked. */
  readonly tokens?: readonly string[];
  /** `verb subresource`, or "error". */
  readonly rights?: readonly string[];
  readonly access?: Partial<GateDeps["access"]>;
}
function depsOf({ tokens = ["good"], rights = [], access = {} }: Setup, asked: string[]): GateDeps {
  const reviews: Reviews = {
    holderOf: async (token) => {
      if (token === "broken") throw new Error("API server away");
      return tokens.includes(token) ? jane : undefined;
    },
    mayUse: async (_identity, verb, subresource) => {
      asked.push(`${verb} ${subresource}`);
      if (rights.includes("error")) throw new Error("API server away");
      return rights.includes(`${verb} ${subresource}`);
    },
  };
  return {
    access: { kind: "guarded", anonymous: false, tokens: true, authorize: true, ...access } as GateDeps["access"],
    reviews,
    clientCas: () => [],
    clock: stillClock,
    log: silentLog,
  };
}
async function ask(what: string, token: string | undefined, setup: Setup) {
  const [method = "", path = ""] = what.split(" ");
  const request: HttpRequest = {
    method,
    path,
    query: new URLSearchParams(),
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    peer: { kind: "tls", chain: [], verified: false },
  };
  const asked: string[] = [];
  const verdict = await judge(request, guardOf(method, path), depsOf(setup, asked), never);
  return { verdict, asked };
}

test("judge() tries subresources left to right, the first yes counts", async () => {
  const narrow = await ask("GET /pods", "good", { rights: ["get pods", "get proxy"] });
  assert.deepEqual(narrow, { verdict: { kind: "allowed", identity: jane }, asked: ["get pods"] });
  const wide = await ask("GET /pods", "good", { rights: ["get proxy"] });
  assert.deepEqual([wide.verdict.kind, wide.asked], ["allowed", ["get pods", "get proxy"]]);
});

test("judge() asks no proxy right for metrics", async () => {
  const { verdict, asked } = await ask("GET /metrics/resource", "good", { rights: ["get proxy"] });
  assert.deepEqual(verdict, {
    kind: "forbidden",
    text: "Forbidden (user=jane, verb=get, resource=nodes, subresource(s)=[metrics])\n",
  });
  assert.deepEqual(asked, ["get metrics"]);
});

test("judge() wants the right to act for a WebSocket's GET", async () => {
  assert.equal((await ask("GET /exec/a/b/c", "good", { rights: ["get proxy"] })).verdict.kind, "forbidden");
  assert.equal((await ask("GET /exec/a/b/c", "good", { rights: ["create proxy"] })).verdict.kind, "allowed");
  assert.equal((await ask("GET /containerLogs/a/b/c", "good", { rights: ["get proxy"] })).verdict.kind, "allowed");
});

test("judge() says when nobody can tell, at the first that fails", async () => {
  const { verdict, asked } = await ask("GET /pods", "good", { rights: ["error"] });
  assert.deepEqual(verdict, {
    kind: "failed",
    text: "Authorization error (user=jane, verb=get, resource=nodes, subresource=pods)",
  });
  assert.deepEqual(asked, ["get pods"]);
});

test("judge() knows nobody by a token that is unknown or can't be checked, also where anybody is let in", async () => {
  for (const token of ["bad", "broken"]) {
    const { verdict } = await ask("GET /pods", token, { rights: ["get pods"], access: { anonymous: true } });
    assert.deepEqual(verdict, { kind: "unauthenticated" });
  }
});

test("judge() asks for the rights of nobody, too", async () => {
  const { verdict } = await ask("GET /healthz", undefined, { rights: ["get healthz"], access: { anonymous: true } });
  assert.ok(verdict.kind === "allowed" && verdict.identity.user === "system:anonymous");
  assert.equal((await ask("GET /pods", undefined, { access: { anonymous: true } })).verdict.kind, "forbidden");
});

test("judge() lets whoever is known do all in mode AlwaysAllow", async () => {
  const { verdict, asked } = await ask("POST /run/a/b/c", "good", { access: { authorize: false } });
  assert.deepEqual([verdict.kind, asked], ["allowed", []]);
});
