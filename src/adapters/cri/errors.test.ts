import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isFault } from "../../base/fault.ts";
import { parseEndpoint } from "./endpoint.ts";
import { faultOf, goneIsFine } from "./errors.ts";

const ATTEMPT = { call: "CreateContainer", action: 'create container "web"' };
const failure = (code: number, details: string) => Object.assign(new Error(`${code}: ${details}`), { code, details });

describe("faultOf()", () => {
  const CASES = [
    ["Unavailable", 14, { code: "runtime-unavailable", endpoint: "unix:///s" }],
    ["DeadlineExceeded", 4, { code: "runtime-timeout", call: "CreateContainer" }],
    ["Unimplemented", 12, { code: "runtime-unimplemented", call: "CreateContainer" }],
    ["NotFound", 5, { code: "runtime-not-found", call: "CreateContainer", id: "", text: "why" }],
    [
      "FailedPrecondition",
      9,
      { code: "runtime-refused", call: "CreateContainer", status: "FailedPrecondition", text: "why" },
    ],
    [
      "a code from the future",
      77,
      { code: "runtime-refused", call: "CreateContainer", status: "Code(77)", text: "why" },
    ],
  ] as const;
  for (const [name, code, fault] of CASES) {
    it(`maps ${name}`, () => assert.deepEqual(faultOf(failure(code, "why"), ATTEMPT, "unix:///s").fault, fault));
  }

  it("says what failed in the runtime's words", () => {
    const error = faultOf(failure(2, "image is broken"), ATTEMPT, "unix:///s");
    assert.equal(error.message, 'Cannot create container "web": image is broken');
  });

  it("reads Docker's text only where an id was asked for", () => {
    const docker = failure(2, "Error response from daemon: No such container: abc");
    assert.ok(isFault(faultOf(docker, { ...ATTEMPT, id: "abc" }, ""), "runtime-not-found"));
    assert.ok(isFault(faultOf(docker, ATTEMPT, ""), "runtime-refused"));
  });
});

describe("goneIsFine()", () => {
  it("takes not-found as done", () => goneIsFine(Promise.reject(faultOf(failure(5, ""), ATTEMPT, ""))));
  it("passes everything else on", () =>
    assert.rejects(goneIsFine(Promise.reject(faultOf(failure(2, "no"), ATTEMPT, "")))));
});

describe("parseEndpoint()", () => {
  const GOOD = [
    ["unix:///run/containerd/containerd.sock", "/run/containerd/containerd.sock", false],
    ["unix:/run/crio/crio.sock", "/run/crio/crio.sock", false],
    ["/var/run/cri.sock", "/var/run/cri.sock", true],
  ] as const;
  for (const [text, path, bare] of GOOD) {
    it(`reads ${text}`, () => assert.deepEqual(parseEndpoint(text, "f"), { path, url: `unix://${path}`, bare }));
  }
  for (const text of ["", "tcp://127.0.0.1:1", "npipe:////./pipe/x", "run/x.sock", "unix://run/x.sock"]) {
    it(`refuses ${JSON.stringify(text)} by field name`, () =>
      assert.throws(
        () => parseEndpoint(text, "containerRuntimeEndpoint"),
        (error) => isFault(error, "config-invalid") && error.fault.problems[0]?.field === "containerRuntimeEndpoint",
      ));
  }
});
