import assert from "node:assert/strict";
import { test } from "node:test";
import { type Fault, KubeletError } from "../base/fault.ts";
import { instant } from "../base/units.ts";
import { explainPullError } from "./pull-error.ts";
import { PullRate } from "./pull-rate.ts";

const refused = (text: string) =>
  new KubeletError(`Cannot pull image "r.io:5000/x:1": ${text}`, {
    code: "runtime-refused",
    call: "PullImage",
    status: "Unknown",
    text,
  });
const other = (message: string, fault: Fault) => new KubeletError(message, fault);

const cases: readonly [name: string, error: unknown, reason: string, message: string][] = [
  [
    "down",
    refused("dial tcp 1.2.3.4:5000: connect: connection refused"),
    "ErrImagePull",
    "registry r.io:5000 can't be reached: dial tcp 1.2.3.4:5000: connect: connection refused",
  ],
  [
    "unauthorized",
    refused("failed to authorize: 401 Unauthorized"),
    "ErrImagePull",
    "registry r.io:5000 wants other credentials than this node has: failed to authorize: 401 Unauthorized",
  ],
  [
    "absent",
    refused("r.io:5000/x:1: not found"),
    "ErrImagePull",
    "image r.io:5000/x:1 does not exist at registry r.io:5000: r.io:5000/x:1: not found",
  ],
  [
    "disk full",
    refused("write /a: no space left on device"),
    "ErrImagePull",
    "the disk for images is full: write /a: no space left on device",
  ],
  ["unknown", refused("strange"), "ErrImagePull", "strange"],
  [
    "unavailable",
    refused("RegistryUnavailable: gone"),
    "RegistryUnavailable",
    "image pull failed for r.io:5000/x:1 because the registry is unavailable: gone",
  ],
  [
    "bad signature",
    refused("SignatureValidationFailed"),
    "SignatureValidationFailed",
    "image pull failed for r.io:5000/x:1 because the signature validation failed",
  ],
  [
    "runtime away",
    other("connection refused", { code: "runtime-unavailable", endpoint: "x" }),
    "ErrImagePull",
    "connection refused",
  ],
];
for (const [name, error, reason, message] of cases) {
  test(`explainPullError() tells: ${name}`, () => {
    assert.deepEqual(explainPullError("r.io:5000/x:1", error), { reason, message });
  });
}

test("PullRate gives a burst, then the rate, and never waits", () => {
  const rate = new PullRate(5, 2);
  assert.deepEqual(
    [0, 0, 0, 100, 200, 201].map((at) => rate.take(instant(at))),
    [true, true, false, false, true, false],
  );
  const free = new PullRate(0, 0);
  assert.ok(Array.from({ length: 100 }, () => free.take(instant(0))).every(Boolean));
});
