import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { KubeletError } from "../base/fault.ts";
import { silentLog } from "../base/log.ts";
import { type Instant, instant, type Millis } from "../base/units.ts";
import type { Pod } from "../model/kubernetes.ts";
import type { ImageInfo, RegistryAuth } from "../model/runtime.ts";
import type { Clock } from "../ports/clock.ts";
import { ImageDesk, type ImageDeskDeps, type ImageRequest } from "./image-desk.ts";
import type { PullRecords } from "./pull-records.ts";
import type { PullOptions } from "./pulls.ts";

/** Time stands still until it is moved. */
class TestClock implements Clock {
  #now = 0;
  readonly #sleepers = new Set<{ readonly at: number; readonly wake: () => void }>();
  monotonic(): Instant {
    return instant(this.#now);
  }
  wall(): Date {
    return new Date(this.#now);
  }
  sleep(span: Millis, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sleeper = { at: this.#now + span, wake: resolve };
    this.#sleepers.add(sleeper);
    signal.addEventListener("abort", () => {
      this.#sleepers.delete(sleeper);
      reject(signal.reason);
    });
    return promise;
  }
  async pass(span: number): Promise<void> {
    this.#now += span;
    for (const sleeper of this.#sleepers) {
      if (sleeper.at > this.#now) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
    await settle();
  }
  get sleepers(): number {
    return this.#sleepers.size;
  }
}

const settle = async () => {
  for (let round = 0; round < 5; round++) await turn();
};

interface Pull {
  readonly image: string;
  readonly auth: RegistryAuth | undefined;
  readonly done: (ref: string) => void;
  readonly fail: (error: Error) => void;
  readonly signal: AbortSignal;
}

const info = (id: string): ImageInfo => ({
  id,
  repoTags: [],
  repoDigests: [],
  size: 42,
  uid: 5,
  username: "",
  pinned: false,
});
const refused = (text: string) =>
  new KubeletError(text, { code: "runtime-refused", call: "PullImage", status: "Unknown", text });

function setUp(
  options: Partial<PullOptions> = {},
  credentials: readonly RegistryAuth[] = [],
  more: Partial<Pick<ImageDeskDeps, "readCredentials" | "records">> = {},
) {
  const clock = new TestClock();
  const present = new Map<string, ImageInfo>();
  const pulls: Pull[] = [];
  const events: string[] = [];
  const inspection: { error: Error | undefined; asked: string[] } = { error: undefined, asked: [] };
  const images = {
    async imageStatus(image: string) {
      inspection.asked.push(image);
      if (inspection.error) throw inspection.error;
      return present.get(image);
    },
    pullImage(image: string, auth: RegistryAuth | undefined, _: unknown, signal: AbortSignal): Promise<string> {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      signal.addEventListener("abort", () => reject(signal.reason));
      const done = (ref: string) => {
        present.set(image, info(ref));
        resolve(ref);
      };
      pulls.push({ image, auth, done, fail: reject, signal });
      return promise;
    },
    listImages: async () => [],
    removeImage: async () => {},
    imageFilesystems: async () => [],
  };
  const desk = new ImageDesk(
    { serializeImagePulls: false, maxParallelImagePulls: undefined, registryPullQps: 0, registryBurst: 0, ...options },
    {
      images,
      clock,
      random: { fraction: () => 0, hex: () => "" },
      events: {
        record: ({ type, reason, message, about }) =>
          events.push(`${about.kind === "pod" ? about.fieldPath : ""} ${type} ${reason}: ${message}`),
      },
      log: silentLog,
      readCredentials: async () => ({ found: credentials.map((auth) => ({ auth })), missing: [] }),
      ...more,
    },
  );
  return { desk, clock, present, pulls, events, inspection };
}

function request(
  overrides: { name?: string; image?: string; policy?: string; uid?: string; attempt?: number } = {},
): ImageRequest {
  const { name = "main", image = "r.io/app:1", policy = "IfNotPresent", uid = "u1", attempt = 0 } = overrides;
  const container = { name, image, imagePullPolicy: policy };
  const pod: Pod = { metadata: { name: "web", namespace: "shop", uid }, spec: { containers: [container] } };
  return { pod, container, attempt };
}
const ignore = () => {};

test("ImageDesk uses an image that is present, by its id", async () => {
  const { desk, present, events } = setUp();
  present.set("r.io/app:1", info("sha256:abc"));
  let changes = 0;
  assert.deepEqual(
    desk.ensure(request(), () => changes++),
    { kind: "checking" },
  );
  await settle();
  assert.equal(changes, 1);
  assert.deepEqual(desk.ensure(request(), ignore), {
    ...{ kind: "ready", ref: "sha256:abc", info: info("sha256:abc") },
    note: 'Container image "r.io/app:1" already present on machine and can be accessed by the pod',
  });
  // Told when the container is made: it may have to wait for init containers or volumes.
  assert.deepEqual(events, []);
});

test("ImageDesk pulls what is absent and tells how long it took", async () => {
  const { desk, clock, pulls, events } = setUp();
  desk.ensure(request({ image: "r.io/app" }), ignore);
  await settle();
  assert.deepEqual(desk.state("u1", { name: "main", image: "r.io/app" }, 0), { kind: "pulling", since: 0 });
  await clock.pass(1234.9);
  assert.equal(pulls[0]?.image, "r.io/app:latest");
  pulls[0]?.done("sha256:new");
  await settle();
  const state = desk.ensure(request({ image: "r.io/app" }), ignore);
  assert.ok(state.kind === "ready" && state.ref === "sha256:new" && state.info.uid === 5);
  assert.deepEqual(events, [
    'spec.containers{main} Normal Pulling: Pulling image "r.io/app"',
    'spec.containers{main} Normal Pulled: Successfully pulled image "r.io/app" in 1.234s (1.234s including waiting). Image size: 42 bytes.',
  ]);
});

test("ImageDesk with Always does not ask whether the image is present", async () => {
  const { desk, pulls, inspection } = setUp();
  desk.ensure(request({ policy: "Always" }), ignore);
  await settle();
  assert.equal(pulls.length, 1);
  assert.deepEqual(inspection.asked, []);
});

test("ImageDesk backs off from 10 s on and tells the cause meanwhile", async () => {
  const { desk, clock, pulls, events } = setUp();
  desk.ensure(request(), ignore);
  await settle();
  pulls[0]?.fail(refused("strange"));
  await settle();
  assert.deepEqual(desk.ensure(request(), ignore), {
    kind: "failed",
    reason: "ErrImagePull",
    message: "strange",
    retryAt: 10_000,
  });
  await clock.pass(1_000);
  assert.deepEqual(desk.ensure(request(), ignore), {
    kind: "failed",
    reason: "ImagePullBackOff",
    message: 'Back-off pulling image "r.io/app:1": ErrImagePull: strange',
    retryAt: 10_000,
  });
  await clock.pass(8_999);
  desk.ensure(request(), ignore);
  await settle();
  assert.equal(pulls.length, 1, "not before its time");
  await clock.pass(1);
  const lastFailure = {
    reason: "ImagePullBackOff",
    message: 'Back-off pulling image "r.io/app:1": ErrImagePull: strange',
  };
  assert.deepEqual(desk.ensure(request(), ignore), { kind: "checking", lastFailure });
  await settle();
  assert.equal(pulls.length, 2);
  assert.deepEqual(desk.ensure(request(), ignore), { kind: "pulling", since: 10_000, lastFailure });
  pulls[1]?.fail(refused("strange"));
  await settle();
  const state = desk.ensure(request(), ignore);
  assert.ok(state.kind === "failed" && state.retryAt === 30_000, "doubled");
  assert.deepEqual(events.slice(0, 5), [
    'spec.containers{main} Normal Pulling: Pulling image "r.io/app:1"',
    'spec.containers{main} Warning Failed: Failed to pull image "r.io/app:1": strange',
    "spec.containers{main} Warning Failed: Error: ErrImagePull",
    'spec.containers{main} Normal BackOff: Back-off pulling image "r.io/app:1"',
    "spec.containers{main} Warning Failed: Error: ImagePullBackOff",
  ]);
});

test("ImageDesk lets another container of the pod share the back-off, another pod not", async () => {
  const { desk, pulls } = setUp();
  desk.ensure(request(), ignore);
  await settle();
  pulls[0]?.fail(refused("strange"));
  await settle();
  desk.ensure(request({ name: "other" }), ignore);
  desk.ensure(request({ uid: "u2" }), ignore);
  await settle();
  assert.equal(pulls.length, 2);
  const state = desk.ensure(request({ name: "other" }), ignore);
  assert.ok(state.kind === "failed" && state.reason === "ImagePullBackOff");
});

const refusals: readonly [
  name: string,
  given: Parameters<typeof request>[0],
  error: Error | undefined,
  reason: string,
  message: string,
][] = [
  [
    "a bad name",
    { image: "r.io/App" },
    undefined,
    "InvalidImageName",
    'Failed to apply default image tag "r.io/App": couldn\'t parse image name "r.io/App": invalid reference format: repository name (App) must be lowercase',
  ],
  [
    "absence with Never",
    { policy: "Never" },
    undefined,
    "ErrImageNeverPull",
    'Container image "r.io/app:1" is not present with pull policy of Never',
  ],
  ["a failed inspection", {}, refused("broken"), "ImageInspectError", 'Failed to inspect image "r.io/app:1": broken'],
];
for (const [name, given, error, reason, message] of refusals) {
  test(`ImageDesk fails for ${name} and tries again after 10 s`, async () => {
    const { desk, clock, inspection, pulls, events } = setUp();
    inspection.error = error;
    desk.ensure(request(given), ignore);
    await settle();
    assert.deepEqual(desk.ensure(request(given), ignore), { kind: "failed", reason, message, retryAt: 10_000 });
    assert.equal(pulls.length, 0);
    assert.ok(events.at(-1)?.endsWith(`Warning Failed: Error: ${reason}`));
    await clock.pass(10_000);
    assert.equal(desk.ensure(request(given), ignore).kind, "checking");
  });
}

test("ImageDesk asks a runtime that was away again after 1 s, and counts no failed pull", async () => {
  const { desk, clock, inspection, pulls } = setUp();
  const away = new KubeletError("away", { code: "runtime-unavailable", endpoint: "x" });
  inspection.error = away;
  desk.ensure(request(), ignore);
  await settle();
  const message = 'Failed to inspect image "r.io/app:1": away';
  assert.deepEqual(desk.ensure(request(), ignore), {
    kind: "failed",
    reason: "ImageInspectError",
    message,
    retryAt: 1000,
  });
  inspection.error = undefined;
  for (const tries of [1, 2, 3]) {
    await clock.pass(1000);
    desk.ensure(request(), ignore);
    await settle();
    assert.equal(pulls.length, tries);
    pulls.at(-1)?.fail(away);
    await settle();
  }
});

test("ImageDesk pulls one image once for all who wait for it", async () => {
  const { desk, pulls } = setUp();
  for (const uid of ["u1", "u2", "u3"]) desk.ensure(request({ uid }), ignore);
  await settle();
  assert.equal(pulls.length, 1);
  desk.forget("u1");
  await settle();
  assert.equal(pulls[0]?.signal.aborted, false, "others still wait");
  pulls[0]?.done("sha256:x");
  await settle();
  assert.equal(desk.state("u2", { name: "main", image: "r.io/app:1" }, 0)?.kind, "ready");
  assert.equal(desk.state("u3", { name: "main", image: "r.io/app:1" }, 0)?.kind, "ready");
  assert.equal(desk.state("u1", { name: "main", image: "r.io/app:1" }, 0), undefined);
});

test("ImageDesk cancels a pull that nobody waits for", async () => {
  const { desk, clock, pulls, events } = setUp();
  desk.ensure(request(), ignore);
  await settle();
  desk.forget("u1");
  await settle();
  assert.equal(pulls[0]?.signal.aborted, true);
  assert.equal(events.length, 1, "no failure is told");
  desk.ensure(request(), ignore);
  await settle();
  assert.equal(pulls.length, 2, "a later one begins anew");
  desk.close();
  await settle();
  assert.equal(clock.sleepers, 0);
});

for (const [name, options, atOnce] of [
  ["one at a time", { serializeImagePulls: true }, 1],
  ["two at a time", { maxParallelImagePulls: 2 }, 2],
  ["all at once", {}, 4],
] as const) {
  test(`ImageDesk pulls ${name}`, async () => {
    const { desk, clock, pulls, events } = setUp(options);
    for (const tag of ["1", "2", "3", "4"]) desk.ensure(request({ name: tag, image: `r.io/a:${tag}` }), ignore);
    await settle();
    assert.equal(pulls.length, atOnce);
    await clock.pass(1_000);
    for (let index = 0; index < 4; index++) {
      pulls[index]?.done("x");
      await settle();
    }
    assert.equal(pulls.length, 4);
    assert.equal(events.filter((event) => event.includes("Successfully")).length, 4);
  });
}

test("ImageDesk fails at once beyond the pull rate", async () => {
  const { desk, pulls } = setUp({ registryPullQps: 1, registryBurst: 1 });
  desk.ensure(request({ name: "a", image: "r.io/a:1" }), ignore);
  desk.ensure(request({ name: "b", image: "r.io/b:1" }), ignore);
  await settle();
  assert.equal(pulls.length, 1);
  const state = desk.ensure(request({ name: "b", image: "r.io/b:1" }), ignore);
  assert.ok(state.kind === "failed" && state.message === "pull QPS exceeded" && state.reason === "ErrImagePull");
});

test("ImageDesk tries each credential and tells all failures", async () => {
  const auths = [
    { username: "a", password: "1" },
    { username: "b", password: "2" },
  ];
  const { desk, pulls } = setUp({}, auths);
  desk.ensure(request(), ignore);
  await settle();
  pulls[0]?.fail(refused("no"));
  await settle();
  assert.deepEqual(
    pulls.map(({ auth }) => auth?.username),
    ["a", "b"],
  );
  pulls[1]?.fail(refused("never"));
  await settle();
  const state = desk.ensure(request(), ignore);
  assert.ok(state.kind === "failed" && state.message.endsWith("[no, never]"));
});

test("ImageDesk looks anew for another attempt or image, and after drop()", async () => {
  const { desk, present, inspection } = setUp();
  present.set("r.io/app:1", info("x"));
  for (const next of [request(), request(), request({ attempt: 1 }), request({ attempt: 1 })]) {
    desk.ensure(next, ignore);
    await settle();
  }
  assert.equal(inspection.asked.length, 2);
  assert.equal(desk.state("u1", { name: "main", image: "r.io/app:1" }, 0), undefined);
  desk.drop("u1", "main");
  desk.ensure(request({ attempt: 1 }), ignore);
  desk.ensure(request({ attempt: 1, image: "r.io/other:1" }), ignore);
  await settle();
  assert.equal(inspection.asked.at(-1), "r.io/other:1");
  assert.equal(desk.state("u1", { name: "main", image: "r.io/app:1" }, 1), undefined);
});

test("ImageDesk shares no pull between pods that show different credentials", async () => {
  const { desk, pulls } = setUp({}, [], {
    readCredentials: async (_, pod) => ({
      found: [{ auth: { username: pod.metadata?.uid === "u3" ? "other" : "same", password: "" } }],
      missing: [],
    }),
  });
  for (const uid of ["u1", "u2", "u3"]) desk.ensure(request({ uid }), ignore);
  await settle();
  assert.deepEqual(
    pulls.map(({ auth }) => auth?.username),
    ["same", "other"],
  );
});

test("ImageDesk tells of missing pull secrets when the pull failed", async () => {
  const { desk, pulls, events } = setUp({}, [], { readCredentials: async () => ({ found: [], missing: ["a", "b"] }) });
  desk.ensure(request(), ignore);
  await settle();
  assert.ok(!events.some((event) => event.includes("FailedToRetrieveImagePullSecret")));
  pulls[0]?.fail(refused("denied"));
  await settle();
  const text = "Unable to retrieve some image pull secrets (a, b); attempting to pull the image may not succeed.";
  assert.ok(events.includes(`undefined Warning FailedToRetrieveImagePullSecret: ${text}`), events.join("\n"));
});

/** Records that say of every image that it takes credentials, and of what they were told. */
function strictRecords() {
  const told: string[] = [];
  const records = {
    mustPull: async () => true,
    begin: async (image: string) => void told.push(`begin ${image}`),
    succeeded: async (image: string, id: string) => void told.push(`succeeded ${image} ${id}`),
    failed: async (image: string) => void told.push(`failed ${image}`),
  } as unknown as PullRecords;
  return { records, told };
}

test("ImageDesk pulls an image that is here for a pod that has yet to show that it may have it", async () => {
  const { records, told } = strictRecords();
  const { desk, pulls, present } = setUp({}, [], { records });
  present.set("r.io/app:1", info("sha256:abc"));
  desk.ensure(request(), ignore);
  await settle();
  assert.equal(pulls.length, 1);
  pulls[0]?.done("sha256:abc");
  await settle();
  assert.deepEqual(told, ["begin r.io/app:1", "succeeded r.io/app:1 sha256:abc"]);
  desk.ensure(request({ uid: "u2" }), ignore);
  await settle();
  pulls[1]?.fail(refused("denied"));
  await settle();
  assert.deepEqual(told.slice(2), ["begin r.io/app:1", "failed r.io/app:1"]);
});

test("ImageDesk does not tell a pod that never pulls of an image that it may not have", async () => {
  const { records } = strictRecords();
  const { desk, pulls, present } = setUp({}, [], { records });
  present.set("r.io/app:1", info("sha256:abc"));
  desk.ensure(request({ policy: "Never" }), ignore);
  await settle();
  const state = desk.ensure(request({ policy: "Never" }), ignore);
  assert.equal(state.kind === "failed" && state.reason, "ErrImageNeverPull");
  assert.equal(pulls.length, 0);
});
