import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { chooseEndpoint, discoverEndpoint, type EndpointInput, type FoundSocket } from "./choose.ts";

const BASE: EndpointInput = { flag: undefined, file: undefined, found: [], ownPodUids: new Set(["mine-1", "mine-2"]) };
const SOCKET = "/run/containerd/containerd.sock";
const holding = (...podUids: string[]): FoundSocket => ({ path: SOCKET, sandboxes: { kind: "listed", podUids } });
const broken: FoundSocket = { path: SOCKET, sandboxes: { kind: "failed", reason: "connection refused" } };

const CHOICES: readonly (readonly [string, Partial<EndpointInput>, string])[] = [
  ["embedded where nothing is named or found", {}, "embedded"],
  ["embedded where the flag says so, whatever is found", { flag: "embedded", found: [holding("theirs")] }, "embedded"],
  ["embedded where the file says so", { file: "embedded", found: [holding()] }, "embedded"],
  ["the flag before the file", { flag: "unix:///a", file: "embedded" }, "given unix:///a"],
  ["the file's endpoint, whatever it holds", { file: "unix:///b", found: [holding("theirs")] }, "given unix:///b"],
  ["embedded where flag and file are empty", { flag: "", file: "" }, "embedded"],
  ["a found socket without sandboxes", { found: [holding()] }, `found unix://${SOCKET}`],
  ["a found socket with own pods only", { found: [holding("mine-2", "mine-1", "mine-1")] }, `found unix://${SOCKET}`],
];

const REFUSALS: readonly (readonly [string, Partial<EndpointInput>, RegExp])[] = [
  ["another agent's pod", { found: [holding("mine-1", "theirs")] }, /holds 1 pod sandbox of another.*UID theirs\)/],
  ["many such pods", { found: [holding("a", "b", "c", "d")] }, /holds 4 pod sandboxes.*UID a, b, c, …\)/],
  ["a socket that does not answer", { found: [broken] }, /cannot be listed \(connection refused\)/],
];

describe("chooseEndpoint()", () => {
  for (const [name, input, expected] of CHOICES)
    test(`takes ${name}`, () => {
      const choice = chooseEndpoint({ ...BASE, ...input });
      assert.equal(choice.kind === "embedded" ? choice.kind : `${choice.kind} ${choice.endpoint}`, expected);
    });
  for (const [name, input, expected] of REFUSALS)
    test(`refuses ${name} and names both remedies`, () => {
      assert.throws(
        () => chooseEndpoint({ ...BASE, ...input }),
        (error) => {
          assert.ok(isFault(error, "start-refused"));
          assert.match(error.message, expected);
          assert.ok(error.message.includes(`--container-runtime-endpoint=unix://${SOCKET}`));
          assert.ok(error.message.includes("--container-runtime-endpoint=embedded"));
          return true;
        },
      );
    });
});

test("discoverEndpoint() asks no runtime where an endpoint is named or no socket exists", async () => {
  const ask = () => assert.fail("must not be asked");
  const { signal } = new AbortController();
  const options = { rootDir: "/nonexistent", flag: undefined, file: undefined };
  assert.deepEqual(await discoverEndpoint({ ...options, flag: "embedded" }, ask, signal), { kind: "embedded" });
  assert.deepEqual(await discoverEndpoint(options, ask, signal, ["/nonexistent.sock"]), { kind: "embedded" });
});
