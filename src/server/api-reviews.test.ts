import assert from "node:assert/strict";
import { test } from "node:test";
import { KubeletError } from "../base/fault.ts";
import { instant, type Millis, seconds } from "../base/units.ts";
import type { SubjectAccessReview, TokenReview } from "../model/kubernetes.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { Identity } from "./access.ts";
import { apiReviews } from "./api-reviews.ts";

/** Time passes by sleeping: a sleep of up to 10 s is over at once. A deadline never comes, unless `late`. */
class FakeClock implements Clock {
  now = 0;
  late = false;
  readonly slept: number[] = [];
  monotonic = () => instant(this.now);
  wall = () => new Date(this.now);
  async sleep(span: Millis, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (span <= seconds(10) || this.late) {
      if (span <= seconds(10)) this.slept.push(Math.round(span));
      this.now += span;
      return;
    }
    const { promise, reject } = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    await promise;
  }
}

const never = new AbortController().signal;
const away = new KubeletError("away", { code: "api-unavailable", server: "s" });
const refusal = (status: number, retryAfter?: Millis) =>
  new KubeletError("no", { code: "api-refused", status, reason: "", ...(retryAfter ? { retryAfter } : {}) });
const admin: Identity = { user: "admin", groups: ["a"], by: "certificate" };

type Answer = (review: TokenReview & SubjectAccessReview) => unknown;
function reviewsBy(answer: Answer, clock = new FakeClock()) {
  const asked: (TokenReview & SubjectAccessReview)[] = [];
  const api = {
    create: async (_at: unknown, review: TokenReview & SubjectAccessReview) => {
      asked.push(review);
      return answer(review);
    },
  } as unknown as KubeApi;
  const random = { fraction: () => 0, hex: () => "00" };
  const options = { nodeName: "n1", tokenTtl: seconds(120), allowedTtl: seconds(300), deniedTtl: seconds(30) };
  return { reviews: apiReviews(options, { api: () => api, clock, random }, never), asked, clock };
}
const holder = (status: object) => () => ({ status });
const user = { authenticated: true, user: { username: "jane", groups: ["dev", 7], uid: "1", extra: { k: ["v"] } } };

test("holderOf() asks once, keeps the answer for its time, and then asks again", async () => {
  const { reviews, asked, clock } = reviewsBy(holder(user));
  const jane = await reviews.holderOf("secret", never);
  assert.deepEqual(jane, {
    user: "jane",
    groups: ["dev", "system:authenticated"],
    uid: "1",
    extra: { k: ["v"] },
    by: "token",
  });
  clock.now += 119_000;
  assert.deepEqual(await reviews.holderOf("secret", never), jane);
  assert.deepEqual(
    asked.map(({ kind, spec }) => [kind, spec]),
    [["TokenReview", { token: "secret" }]],
  );
  clock.now += 2000;
  await reviews.holderOf("secret", never);
  assert.equal(asked.length, 2);
});

test("holderOf() keeps a no as well, and no errors", async () => {
  const no = reviewsBy(holder({ authenticated: false }));
  for (let n = 0; n < 3; n++) assert.equal(await no.reviews.holderOf("x", never), undefined);
  assert.equal(no.asked.length, 1);
  const failing = reviewsBy(holder({ error: "webhook down" }));
  for (let n = 0; n < 2; n++) await assert.rejects(failing.reviews.holderOf("x", never), /webhook down/);
  assert.equal(failing.asked.length, 2);
});

for (const odd of [
  {},
  { authenticated: "true" },
  { authenticated: true },
  { authenticated: true, user: { username: 7 } },
]) {
  test(`holderOf() knows nobody by ${JSON.stringify(odd)}`, async () => {
    assert.equal(await reviewsBy(holder(odd)).reviews.holderOf("x", never), undefined);
  });
}

test("holderOf() does not send a token of 65 KiB anywhere", async () => {
  const { reviews, asked } = reviewsBy(holder(user));
  assert.equal(await reviews.holderOf("x".repeat(65 * 1024), never), undefined);
  assert.equal(asked.length, 0);
});

test("many who ask the same at once share one request; one that leaves does not end it", async () => {
  const gate = Promise.withResolvers<void>();
  const { reviews, asked } = reviewsBy(async () => {
    await gate.promise;
    return { status: user };
  });
  const leaving = new AbortController();
  const left = reviews.holderOf("t", leaving.signal);
  const waiting = [1, 2, 3].map(() => reviews.holderOf("t", never));
  leaving.abort(new Error("gone"));
  await assert.rejects(left, /gone/);
  gate.resolve();
  assert.deepEqual(
    (await Promise.all(waiting)).map((one) => one?.user),
    ["jane", "jane", "jane"],
  );
  assert.equal(asked.length, 1);
});

test("mayUse() asks about the node and keeps a yes longer than a no", async () => {
  const { reviews, asked, clock } = reviewsBy(({ spec }) => ({
    status: { allowed: spec.resourceAttributes?.subresource === "stats" },
  }));
  assert.equal(await reviews.mayUse(admin, "get", "stats", never), true);
  assert.equal(await reviews.mayUse(admin, "get", "proxy", never), false);
  assert.deepEqual(asked[0]?.spec, {
    resourceAttributes: { verb: "get", version: "v1", resource: "nodes", subresource: "stats", name: "n1" },
    user: "admin",
    groups: ["a"],
  });
  clock.now += 31_000;
  await reviews.mayUse(admin, "get", "stats", never);
  assert.equal(asked.length, 2);
  await reviews.mayUse(admin, "get", "proxy", never);
  assert.equal(asked.length, 3);
  await reviews.mayUse({ ...admin, groups: ["b"] }, "get", "stats", never);
  assert.equal(asked.length, 4);
});

test("mayUse() takes an answer that says both for none", async () => {
  const both = reviewsBy(holder({ allowed: true, denied: true }));
  await assert.rejects(both.reviews.mayUse(admin, "get", "stats", never), /both allowed and denied/);
  assert.equal(await reviewsBy(holder({ denied: true })).reviews.mayUse(admin, "get", "stats", never), false);
});

const failures: readonly [name: string, error: Error, slept: readonly number[]][] = [
  ["an API server that is away", away, [500, 750, 1125, 1688]],
  ["too many requests, at the server's pace", refusal(429, seconds(2)), [2000, 2000, 2000, 2000]],
  ["an error of its own", refusal(500), [500, 750, 1125, 1688]],
  ["a refusal: not again", refusal(403), []],
];
for (const [name, error, slept] of failures) {
  test(`it tries five times with ${name}`, async () => {
    const { reviews, asked, clock } = reviewsBy(() => Promise.reject(error));
    await assert.rejects(reviews.mayUse(admin, "get", "stats", never), error);
    assert.deepEqual(clock.slept, slept);
    assert.equal(asked.length, slept.length + 1);
  });
}

test("what is kept counts while the API server is away", async () => {
  let answer: Answer = holder(user);
  const { reviews, clock } = reviewsBy((review) => answer(review));
  await reviews.holderOf("t", never);
  answer = () => Promise.reject(away);
  clock.now += 60_000;
  assert.equal((await reviews.holderOf("t", never))?.user, "jane");
  await assert.rejects(reviews.holderOf("other", never), away);
});

test("a question that takes longer than 30 s is given up", async () => {
  const clock = new FakeClock();
  clock.late = true;
  const { reviews } = reviewsBy(() => new Promise(() => {}), clock);
  await assert.rejects(reviews.holderOf("t", never), /no answer within 30 s/);
});

test("answers are bounded in number", async () => {
  const { reviews, asked } = reviewsBy(holder({ allowed: true }));
  for (let n = 0; n < 8193; n++) await reviews.mayUse({ ...admin, user: `u${n}` }, "get", "stats", never);
  await reviews.mayUse({ ...admin, user: "u8192" }, "get", "stats", never);
  assert.equal(asked.length, 8193);
  await reviews.mayUse({ ...admin, user: "u0" }, "get", "stats", never);
  assert.equal(asked.length, 8194);
});
