import assert from "node:assert/strict";
import { test } from "node:test";
import type { WorkerDeps } from "../lifecycle/index.ts";
import { imageText, type StepDone, stepText, watchedSteps } from "./steps.ts";

const container = { name: "web", image: "i" };
const done = (step: StepDone["step"], took: number, failure?: StepDone["failure"]): StepDone => ({
  uid: "u",
  pod: undefined,
  step,
  at: 0,
  took,
  failure,
});

const rows: readonly { readonly name: string; readonly of: StepDone; readonly text: string | undefined }[] = [
  {
    name: "a first start",
    of: done({ kind: "start-container", container, attempt: 0, finishedAt: undefined }, 41.4),
    text: "container web started in 41 ms",
  },
  {
    name: "a restart",
    of: done({ kind: "start-container", container, attempt: 2, finishedAt: 1 }, 1500),
    text: "container web started again (restart 2) in 1.5 s",
  },
  {
    name: "a start that failed",
    of: done({ kind: "start-container", container, attempt: 0, finishedAt: undefined }, 7, {
      reason: "RunContainerError",
      message: "no such file",
    }),
    text: "container web failed after 7 ms: no such file",
  },
  {
    name: "a sandbox",
    of: done({ kind: "run-sandbox", attempt: 0, replaces: false }, 0.2),
    text: "sandbox with network made in 1 ms",
  },
  { name: "tidying", of: done({ kind: "remove-sandbox", id: "s" }, 5), text: undefined },
];
for (const { name, of, text } of rows) test(`stepText() tells of ${name}`, () => assert.equal(stepText(of), text));

test("imageText() tells how long a pull took", () => {
  const message = 'Successfully pulled image "a/b:1" in 503ms (503ms including waiting). Image size: 5 bytes.';
  assert.equal(imageText("Pulled", message), "image a/b:1 pulled in 503ms");
  assert.equal(
    imageText("Pulled", 'Container image "a" already present on machine and can be accessed by the pod'),
    "image a was here already",
  );
  assert.equal(imageText("Pulling", 'Pulling image "a"'), undefined);
});

test("watchedSteps() tells what a step ended with, and nothing of one that was aborted", async () => {
  const told: StepDone[] = [];
  const life = new AbortController();
  const clock = { monotonic: () => 5 as never, wall: () => new Date(0), sleep: () => Promise.reject(new TypeError()) };
  const outcomes = [async () => {}, () => Promise.reject(new Error("no")), () => Promise.reject(new Error("late"))];
  const execute = watchedSteps(
    (() => outcomes.shift()?.()) as WorkerDeps["execute"],
    clock,
    (one) => void told.push(one),
  );
  const mailbox = { intent: { uid: "u", pod: undefined } } as never;
  const memory = { failures: new Map() } as never;
  await execute({ kind: "prepare" }, mailbox, memory, life.signal);
  await assert.rejects(execute({ kind: "prepare" }, mailbox, memory, life.signal), /no/);
  life.abort();
  await assert.rejects(execute({ kind: "prepare" }, mailbox, memory, life.signal), /late/);
  assert.deepEqual(
    told.map(({ failure }) => failure?.message),
    [undefined, "no"],
  );
});
