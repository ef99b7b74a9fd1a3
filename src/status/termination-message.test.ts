import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerStatus } from "../model/runtime.ts";
import {
  logMessage,
  type MessageFile,
  messageFileOf,
  terminationMessage,
  wholeMessage,
} from "./termination-message.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const container = (policy: string, exitCode: number, reason = "Error") => ({
  annotations: { "io.kubernetes.container.terminationMessagePolicy": policy },
  exitCode,
  reason,
});
const text = (value: string) => ({ kind: "text", text: value });
const ABSENT: MessageFile = { kind: "absent" };
const EMPTY: MessageFile = { kind: "content", bytes: bytes("") };
const FALLBACK = "FallbackToLogsOnError";

const cases: readonly [name: string, container: ReturnType<typeof container>, file: MessageFile, expected: object][] = [
  ["the file's text", container("File", 1), { kind: "content", bytes: bytes("bye") }, text("bye")],
  ["nothing without a file", container("File", 1), ABSENT, text("")],
  ["the log for an empty file", container(FALLBACK, 1), EMPTY, { kind: "read-log" }],
  ["the log without a file", container(FALLBACK, 1), ABSENT, { kind: "read-log" }],
  ["the file before the log", container(FALLBACK, 1), { kind: "content", bytes: bytes("x") }, text("x")],
  ["no log after success", container(FALLBACK, 0), EMPTY, text("")],
  ["no log of what could not start", container(FALLBACK, 128, "ContainerCannotRun"), ABSENT, text("")],
  [
    "that the file can't be read",
    container(FALLBACK, 1),
    { kind: "unreadable", path: "/x", why: "EIO" },
    text("Error on reading termination log /x: EIO"),
  ],
  [
    "the end of a long file, in whole characters",
    container("File", 1),
    { kind: "content", bytes: bytes(`x${"\u00e9".repeat(2048)}y`) },
    text(`${"\u00e9".repeat(2047)}y`),
  ],
];
for (const [name, of, file, expected] of cases) {
  test(`terminationMessage() gives ${name}`, () => assert.deepEqual(terminationMessage(of, file), expected));
}

test("messageFileOf() finds the file by its mount", () => {
  const seen = (path: string): Pick<ContainerStatus, "annotations" | "mounts"> => ({
    annotations: { "io.kubernetes.container.terminationMessagePath": path },
    mounts: [
      {
        containerPath: "/dev/termination-log",
        hostPath: "/pod/x",
        readonly: false,
        seLinuxRelabel: false,
        propagation: "private",
      },
    ],
  });
  const find = (path: string) => messageFileOf(seen(path) as ContainerStatus);
  assert.deepEqual(["/dev/termination-log", "dev/termination-log", "/other", ""].map(find), [
    "/pod/x",
    "/pod/x",
    undefined,
    undefined,
  ]);
});

test("logMessage() takes the last 80 lines and no more than 2048 bytes", () => {
  const lines = Array.from({ length: 100 }, (_, index) => `${index}\n`);
  assert.equal(logMessage(lines.join("")), lines.slice(20).join(""));
  assert.equal(logMessage("a".repeat(3000)).length, 2048);
  assert.equal(logMessage(""), "");
});

test("wholeMessage() shares 12 KiB among the pod's containers", () => {
  assert.equal(wholeMessage("a", "b", 1), "a: b");
  assert.equal(wholeMessage("", "b", 1), "b");
  assert.equal(wholeMessage("a", "", 1), "a");
  assert.equal(wholeMessage("", "x".repeat(9000), 2).length, 6144);
  assert.equal(wholeMessage("", `x${"\u00e9".repeat(6144)}`, 1), `x${"\u00e9".repeat(6143)}`);
});
