import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { pauseArchive } from "./pause-image.ts";
import { pauseProgram } from "./pause-program.ts";

const ARCH = process.arch === "arm64" ? "arm64" : "amd64";

describe("pauseProgram()", () => {
  let folder = "";
  let program = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "pause-"));
    program = join(folder, "pause");
    writeFileSync(program, pauseProgram(ARCH), { mode: 0o755 });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Name and state: "(pause) S" once it waits for signals, its first and only sleep. */
  const state = (pid: number) => /\(.*\) \S/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[0];
  const until = async (look: () => boolean) => {
    while (!look()) await setImmediate();
  };

  for (const signal of ["SIGTERM", "SIGINT"] as const)
    test(`ends with 0 on ${signal}, though it was stopped and continued before`, async () => {
      const child = spawn(program, { stdio: "ignore" });
      const pid = child.pid ?? 0;
      await until(() => state(pid) === "(pause) S");
      child.kill("SIGSTOP");
      await until(() => state(pid) === "(pause) T");
      child.kill("SIGCONT");
      await until(() => state(pid) === "(pause) S");
      child.kill(signal);
      assert.deepEqual(await once(child, "exit"), [0, null]);
    });

  test("reaps children that end", async () => {
    // The shell becomes the program, so its background processes become the program's children; they end with the pipe.
    const script = 'cat <&3 & cat <&3 & exec "$0"';
    const child = spawn("sh", ["-c", script, program], { stdio: ["ignore", "ignore", "ignore", "pipe"] });
    const pid = child.pid ?? 0;
    const children = () => readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    await until(() => state(pid) === "(pause) S");
    assert.notEqual(children(), "");
    child.stdio[3]?.destroy();
    await until(() => children() === "");
    child.kill("SIGTERM");
    assert.deepEqual(await once(child, "exit"), [0, null]);
  });

  for (const [arch, machine] of [
    ["amd64", 62],
    ["arm64", 183],
  ] as const)
    test(`is a small static ELF for ${arch}`, () => {
      const file = pauseProgram(arch);
      const view = new DataView(file.buffer);
      assert.ok(file.length < 1024);
      assert.equal(view.getUint16(18, true), machine);
      assert.equal(view.getBigUint64(24, true), 0x400000n + 176n);
      assert.equal(view.getBigUint64(96, true), BigInt(file.length));
    });
});

test("pauseArchive() gives the same bytes for ever: a change needs a new tag", () => {
  const digest = (arch: "amd64" | "arm64") => createHash("sha256").update(pauseArchive(arch)).digest("hex");
  assert.deepEqual(
    [digest("amd64"), digest("arm64")],
    [
      "9ecab37786e167a1996f30162fb29234055b0595879a8f8e2a0f761ad97e5e14",
      "32cd5e26be2b06d26b7c3a9c637c016cc89b904b725cc9b2658e72cabaa0ab6e",
    ],
  );
});
