/** The parts of the way to the API server that compute. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { millis } from "../../base/units.ts";
import { VirtualTime } from "../../sim/virtual-time.ts";
import { jsonLines, textOf } from "./body.ts";
import { proxyFor } from "./proxy.ts";
import { refusalOf } from "./refusal.ts";
import { TokenBucket } from "./token-bucket.ts";

async function* inChunks(text: string, size: number) {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test("jsonLines(): the same values however the bytes are cut", async () => {
  const values = [{ a: "ä\n" }, { b: [1, 2] }, { c: null }];
  const text = values.map((value) => `${JSON.stringify(value)}\n`).join("");
  for (let size = 1; size <= text.length; size++) {
    assert.deepEqual(await Array.fromAsync(jsonLines(inChunks(text, size), 1000)), values, `chunks of ${size}`);
  }
});

test("jsonLines(): a value over some lines is one value, over many it is none, and empty lines are nothing", async () => {
  assert.deepEqual(await Array.fromAsync(jsonLines(inChunks('\n{"a":{"b":1}\n}\n\n{}\n', 4), 1000)), [
    { a: { b: 1 } },
    {},
  ]);
  await assert.rejects(Array.fromAsync(jsonLines(inChunks(`{${"\n".repeat(100)}`, 7), 1000)), /no JSON/);
});

test("jsonLines(): what is left without an end is no value, and what has no end is refused", async () => {
  assert.deepEqual(await Array.fromAsync(jsonLines(inChunks('{"a":1}\n{"b"', 3), 1000)), [{ a: 1 }]);
  await assert.rejects(Array.fromAsync(jsonLines(inChunks("x".repeat(2000), 100), 1000)), /larger than/);
});

test("textOf(): all of it, up to the limit", async () => {
  assert.equal(await textOf(inChunks("häh", 1), 10), "häh");
  assert.equal(await textOf(inChunks("", 1), 10), "");
  await assert.rejects(textOf(inChunks("x".repeat(11), 4), 10), /larger than/);
});

const PROXY = { HTTPS_PROXY: "http://proxy:3128", http_proxy: "plain:80" };
const PROXIES: readonly (readonly [server: string, noProxy: string, expected: string | undefined])[] = [
  ["https://api.example.com:6443", "", "proxy:3128"],
  ["http://api.example.com:6443", "", "plain"],
  ["https://127.0.0.1:6443", "", undefined],
  ["https://[::1]:6443", "", undefined],
  ["https://localhost", "", undefined],
  ["https://api.example.com", "*", undefined],
  ["https://api.example.com", "other,example.com", undefined],
  ["https://api.example.com", ".example.com", undefined],
  ["https://example.com", ".example.com", "proxy:3128"],
  ["https://api.example.com", "*.example.com", undefined],
  ["https://notexample.com", "example.com", "proxy:3128"],
  ["https://api.example.com:6443", "api.example.com:6443", undefined],
  ["https://api.example.com:6443", "api.example.com:443", "proxy:3128"],
  ["https://api.example.com", "api.example.com:443", undefined],
  ["https://10.1.2.3:6443", "10.0.0.0/8", undefined],
  ["https://11.1.2.3:6443", "10.0.0.0/8", "proxy:3128"],
  ["https://10.1.2.3:6443", "10.1.2.3", undefined],
  ["https://10.1.2.3:6443", "2.3", "proxy:3128"],
  ["https://[fd00::1]:6443", "fd00::/8", undefined],
  ["https://[fd00::1]:6443", "fd00::1", undefined],
  ["https://10.1.2.3:6443", "10.0.0.0/99,nonsense/8,/,fd00::/8", "proxy:3128"],
];
for (const [server, noProxy, expected] of PROXIES) {
  test(`proxyFor(): ${server} with NO_PROXY=${noProxy}`, () => {
    assert.equal(proxyFor(new URL(server), undefined, { ...PROXY, NO_PROXY: noProxy })?.host, expected);
  });
}

test("proxyFor(): the one of the kubeconfig comes first, and none is none", () => {
  const server = new URL("https://localhost");
  assert.equal(proxyFor(server, "http://mine", { ...PROXY, NO_PROXY: "*" })?.host, "mine");
  assert.equal(proxyFor(new URL("https://a"), undefined, {}), undefined);
});

test("refusalOf(): Retry-After, reasons and texts that are odd", () => {
  const of = (status: number, body: unknown, retryAfterHeader?: string) =>
    refusalOf({ action: "get pods", status, body, retryAfterHeader });
  assert.deepEqual(of(503, "").fault, { code: "api-refused", status: 503, reason: "ServiceUnavailable" });
  for (const header of ["soon", "-1", "1e9", "0", "99999999999", "Wed, 21 Oct 2026 07:28:00 GMT"]) {
    assert.deepEqual(
      of(429, "", header).fault,
      { code: "api-refused", status: 429, reason: "TooManyRequests" },
      header,
    );
  }
  assert.equal(
    of(418, { kind: "Status", reason: 7, message: {}, details: null, code: "x" }).message,
    "API server refused to get pods: it gave no reason (418)",
  );
  assert.ok(of(500, "x".repeat(100_000)).message.length < 2100);
  assert.equal(
    of(0, { kind: "Status", code: 410, reason: "Gone", message: "m" }).message,
    "API server refused to get pods: m (410 Gone)",
  );
});

test("TokenBucket: a burst at once, then so many a second, in order; who goes away gives its turn back", async () => {
  const time = new VirtualTime();
  const clock = time.clock(new AbortController().signal);
  const bucket = new TokenBucket({ qps: 10, burst: 5 }, clock);
  const { signal } = new AbortController();
  const at: number[] = [];
  const takes = Array.from({ length: 10 }, () => bucket.take(signal).then(() => at.push(Math.round(time.now()))));
  const stop = new AbortController();
  const gone = assert.rejects(bucket.take(stop.signal), /gone/);
  stop.abort(new Error("gone"));
  await gone;
  takes.push(bucket.take(signal).then(() => at.push(Math.round(time.now()))));
  await time.runUntil(2000, () => {});
  await Promise.all(takes);
  assert.deepEqual(at, [0, 0, 0, 0, 0, 100, 200, 300, 400, 500, 600]);
  const free = new TokenBucket({ qps: -1, burst: 1 }, clock);
  for (let turn = 0; turn < 100; turn++) assert.equal(await free.take(signal), millis(0));
});
