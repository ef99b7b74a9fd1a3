import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { isFault } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { TokenWish } from "../ports/referenced.ts";
import { Chance } from "../sim/chance.ts";
import { refused, unreached } from "../sim/kube-api-faults.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { Tokens } from "./tokens.ts";

const OWNER = { namespace: "n", name: "p", uid: "u" };
const HOUR = 3_600_000;

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

interface Request {
  readonly spec: { readonly expirationSeconds: number; readonly audiences: readonly string[] };
}

function open() {
  const stop = new AbortController();
  ends.push(() => stop.abort());
  const time = new VirtualTime();
  const requests: { readonly at: number; readonly where: unknown; readonly request: Request }[] = [];
  const lines: string[] = [];
  const due: string[] = [];
  const state = { fails: undefined as Error | undefined, granted: undefined as unknown, token: undefined as unknown };
  const api = {
    create: async (at: unknown, request: Request, _: unknown, named: unknown) => {
      requests.push({ at: time.now(), where: [at, named], request });
      if (state.fails) throw state.fails;
      const expirationSeconds = state.granted ?? request.spec.expirationSeconds;
      return {
        spec: { ...request.spec, expirationSeconds },
        status: { token: state.token ?? `secret-${requests.length}` },
      };
    },
  } as unknown as KubeApi;
  const note = (...line: unknown[]) => void lines.push(JSON.stringify(line));
  const log: Log = { error: note, warn: note, info: note, debug: note, with: () => log };
  const clock = time.clock(stop.signal);
  const tokens = new Tokens({
    api,
    clock,
    random: new Chance(1),
    log,
    onDue: (uid) => due.push(`${uid} ${time.now()}`),
  });
  const pass = (ms = 0) => time.runUntil(time.now() + ms, () => {});
  async function token(wish: Partial<TokenWish> = {}, found?: string): Promise<string> {
    let outcome = "still waits";
    const whole = { serviceAccount: "sa", audience: undefined, expirationSeconds: 3600, ...wish };
    tokens
      .token(OWNER, whole, stop.signal, async () => found)
      .then(
        (value) => {
          outcome = value;
        },
        (error) => {
          assert.ok(isFault(error, "waiting"), String(error));
          outcome = error.message;
        },
      );
    await pass(1_000);
    return outcome;
  }
  const run = () => void tokens.run(stop.signal).catch(() => {});
  const wall = () => clock.wall().getTime();
  return { tokens, token, requests, lines, due, state, pass, time, wall, run };
}

test("a token is asked for at its ServiceAccount, bound to its pod", async () => {
  const { token, requests } = open();
  assert.equal(await token({ audience: "vault" }), "secret-1");
  assert.deepEqual(requests[0]?.where, [
    { group: "", version: "v1", resource: "serviceaccounts", namespace: "n" },
    { name: "sa", subresource: "token" },
  ]);
  assert.deepEqual(requests[0]?.request, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    metadata: {},
    spec: {
      audiences: ["vault"],
      expirationSeconds: 3600,
      boundObjectRef: { apiVersion: "v1", kind: "Pod", name: "p", uid: "u" },
    },
  });
});

test("a fresh token is kept, one for each thing that it is wanted for", async () => {
  const { token, requests } = open();
  assert.deepEqual(
    [await token(), await token(), await token({ audience: "x" })],
    ["secret-1", "secret-1", "secret-2"],
  );
  assert.deepEqual(requests[0]?.request.spec.audiences, []);
});

const LIVES: readonly [what: string, seconds: number, granted: number | undefined, freshMs: number][] = [
  ["80 % of its life", 3600, undefined, 0.8 * HOUR],
  ["80 % of the life that the server grants", 3600, 600, 480_000],
  ["a day", 1_000_000, undefined, 24 * HOUR],
  ["a few seconds at the least", 3600, 1, 10_000],
];
for (const [what, expirationSeconds, granted, freshMs] of LIVES) {
  test(`a token is replaced after ${what}, a little earlier by chance`, async () => {
    const { token, state, pass, run, due, time } = open();
    state.granted = granted;
    run();
    await token({ expirationSeconds });
    await pass(freshMs - 11_000 - time.now());
    assert.equal(due.length, 0);
    assert.equal(await token({ expirationSeconds }), "secret-1");
    await pass(12_000);
    assert.equal(due[0]?.startsWith("u "), true);
    assert.equal(await token({ expirationSeconds }), "secret-2");
  });
}

test("a token is replaced after the machine slept, which only the wall clock tells, and after the clock was set back", async () => {
  const { token, time, pass } = open();
  await token();
  time.jumpWall(HOUR);
  assert.equal(await token(), "secret-2");
  time.jumpWall(-10 * HOUR);
  assert.equal(await token(), "secret-2");
  await pass(HOUR);
  assert.equal(await token(), "secret-3");
});

test("a token that can't be replaced serves until it expires, and is asked for again now and then", async () => {
  const { token, state, pass, requests, lines, run, due } = open();
  run();
  await token();
  state.fails = unreached("connection refused");
  await pass(0.85 * HOUR);
  assert.ok(due.length > 0);
  assert.equal(await token(), "secret-1");
  const tries = requests.length;
  assert.equal(await token(), "secret-1");
  assert.equal(requests.length, tries, "not at each look");
  await pass(0.2 * HOUR);
  assert.match(await token(), /^token of pod n\/p expired and refresh failed: Cannot reach the API server/);
  assert.match(await token(), /^failed to fetch token: /);
  state.fails = undefined;
  assert.match(await token(), /^secret-/);
  assert.ok(!lines.join().includes("secret-"), "no token is logged");
});

test("a server that has not heard of the pod yet is asked again soon, a lasting refusal is told", async () => {
  const outdated = [
    refused(403, "Forbidden", "no relationship found"),
    refused(
      404,
      "NotFound",
      'API server refused to create serviceaccounts/token "n/sa": pod "p" not found (404 NotFound)',
    ),
  ];
  for (const refusal of outdated) {
    const { token, state, requests, pass } = open();
    state.fails = refusal;
    const asking = token();
    await pass(30);
    state.fails = undefined;
    assert.match(await asking, /^secret-/);
    assert.ok(requests.length >= 2);
    state.fails = refusal;
    assert.ok((await token({ audience: "x" })).startsWith("failed to fetch token: "));
  }
});

test("no such ServiceAccount is told at once", async () => {
  const { token, state, requests } = open();
  state.fails = refused(404, "NotFound", 'serviceaccounts "sa" not found');
  assert.match(await token(), /^failed to fetch token: .*serviceaccounts "sa" not found/);
  assert.equal(requests.length, 1);
});

test("an answer without a usable token is refused", async () => {
  const { token, state } = open();
  for (const odd of [7, "", "x".repeat(100_000), {}]) {
    state.token = odd;
    assert.equal(await token(), "failed to fetch token: the API server's answer holds no usable token");
  }
});

test("nothing of a pod is kept that is forgotten", async () => {
  const { tokens, token } = open();
  await token();
  await token({ audience: "x" });
  assert.equal(tokens.size, 2);
  tokens.forget("other");
  assert.equal(tokens.size, 2);
  tokens.forget("u");
  assert.equal(tokens.size, 0);
});

const CLAIMS = {
  "kubernetes.io": { namespace: "n", pod: { name: "p", uid: "u" }, serviceaccount: { name: "sa", uid: "s" } },
  aud: ["https://kubernetes.default.svc"],
};

/** Issued and expiring so many seconds from the start of the test. */
function jwt(iat: number, exp: number, start: number, more: object = {}): string {
  const seconds = Math.floor(start / 1000);
  const claims = { ...CLAIMS, iat: seconds + iat, exp: seconds + exp, ...more };
  return `x.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.y`;
}

test("token() keeps what an earlier kubelet left as long as that is fresh, and asks for the next one in time", async () => {
  const { requests, token, pass, wall, run, due } = open();
  const found = jwt(-1200, 365 * 24 * 3600, wall());
  assert.equal(await token({}, found), found);
  assert.deepEqual(requests, []);
  run();
  await pass(HOUR / 3);
  assert.deepEqual(due, [], "2400 s old");
  await pass(480_000);
  assert.equal(due.length, 1, "2880 s old: 80 %, whatever the server let it live");
  assert.equal(await token({}, found), "secret-1");
});

for (const [name, wish, from] of [
  ["too old", {}, (start: number) => jwt(-2900, 700, start)],
  ["from the future", {}, (start: number) => jwt(60, 3660, start)],
  ["of a short life that is over", {}, (start: number) => jwt(-600, 10, start)],
  ["without an end", {}, (start: number) => jwt(0, 3600, start, { exp: undefined })],
  [
    "another pod's",
    {},
    (start: number) => jwt(0, 3600, start, { "kubernetes.io": { ...CLAIMS["kubernetes.io"], pod: { uid: "other" } } }),
  ],
  ["another account's", { serviceAccount: "other" }, (start: number) => jwt(0, 3600, start)],
  ["for another audience", { audience: "vault" }, (start: number) => jwt(0, 3600, start)],
  ["no token", {}, () => "secret"],
  ["of broken JSON", {}, () => "a.b.c"],
  ["empty", {}, () => ""],
] as const) {
  test(`token() asks for a new one where the one that is there is ${name}`, async () => {
    const { token, wall } = open();
    assert.equal(await token(wish, from(wall())), "secret-1");
  });
}
