import assert from "node:assert/strict";
import { test } from "node:test";
import { nextFor, type PullPolicy, pullPolicyOf } from "./pull-policy.ts";
import { parseImage, withDefaultTag } from "./reference.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const good: readonly [image: string, registry: string, repository: string, pulled: string][] = [
  ["busybox", "docker.io", "library/busybox", "busybox:latest"],
  ["busybox:1.36", "docker.io", "library/busybox", "busybox:1.36"],
  ["user/app", "docker.io", "user/app", "user/app:latest"],
  ["index.docker.io/app", "docker.io", "library/app", "index.docker.io/app:latest"],
  ["localhost/app", "localhost", "app", "localhost/app:latest"],
  ["127.0.0.1:5000/a/b:x", "127.0.0.1:5000", "a/b", "127.0.0.1:5000/a/b:x"],
  ["[fd00::1]:5000/a", "[fd00::1]:5000", "a", "[fd00::1]:5000/a:latest"],
  ["quay.io/a__b/c-d.e_f", "quay.io", "a__b/c-d.e_f", "quay.io/a__b/c-d.e_f:latest"],
  [`reg.io/app@${DIGEST}`, "reg.io", "app", `reg.io/app@${DIGEST}`],
  [`reg.io/app:1@${DIGEST}`, "reg.io", "app", `reg.io/app:1@${DIGEST}`],
];
for (const [image, registry, repository, pulled] of good) {
  test(`parseImage() reads ${image}`, () => {
    const reference = parseImage(image);
    assert.ok(typeof reference !== "string");
    assert.deepEqual([reference.registry, reference.repository], [registry, repository]);
    assert.equal(withDefaultTag(image, reference), pulled);
  });
}

for (const [image, message] of [
  ["", /invalid/],
  ["FOO", /must be lowercase/],
  ["reg.io/Foo", /must be lowercase/],
  ["a b", /invalid/],
  ["a:", /bad tag/],
  ["a:b:c", /invalid/],
  ["a@sha256:12", /bad digest/],
  ["a@b@c", /bad digest/],
  ["reg.io/", /invalid/],
  ["a".repeat(64), /it is an image id/],
  ["x".repeat(300), /255/],
  ["-a", /invalid/],
] as const) {
  test(`parseImage() refuses ${JSON.stringify(image).slice(0, 30)}`, () => {
    assert.match(String(parseImage(image)), message);
  });
}

const next: readonly [PullPolicy, boolean | undefined, ReturnType<typeof nextFor>][] = [
  ["Always", undefined, "pull"],
  ["Always", true, "pull"],
  ["IfNotPresent", undefined, "inspect"],
  ["IfNotPresent", true, "use"],
  ["IfNotPresent", false, "pull"],
  ["Never", undefined, "inspect"],
  ["Never", true, "use"],
  ["Never", false, "refuse"],
];
for (const [policy, present, expected] of next) {
  test(`nextFor() with ${policy} and presence ${present}`, () => assert.equal(nextFor(policy, present), expected));
}

test("pullPolicyOf() fills in what the API would", () => {
  const policies = ["a", "a:latest", "a:1", `a@${DIGEST}`, "r:5000/a"].map((image) => pullPolicyOf({ image }));
  assert.deepEqual(policies, ["Always", "Always", "IfNotPresent", "IfNotPresent", "Always"]);
  assert.equal(pullPolicyOf({ image: "a", imagePullPolicy: "Never" }), "Never");
});
