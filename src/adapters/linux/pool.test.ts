import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A process in which eight threads hang, as in a dead mount: a FIFO that nobody writes to is not opened. */
const program = (fifo: string) => `
import { widenPool } from "${import.meta.dirname}/pool.ts";
import { endProcess, libc } from "${import.meta.dirname}/libc.ts";
import { open, stat } from "node:fs/promises";
widenPool();
await libc();
for (let i = 0; i < 8; i++) void open(${JSON.stringify(fifo)}, "r");
await stat("/");
process.on("exit", (code) => process.stdout.write("said " + code));
endProcess(7);
`;

test("eight threads that hang keep no file from being read, nor the process from its end", async () => {
  const folder = await mkdtemp(join(tmpdir(), "pool-"));
  try {
    const fifo = join(folder, "fifo");
    await run("mkfifo", [fifo]);
    const { UV_THREADPOOL_SIZE: _, ...env } = process.env;
    const ended = run(process.execPath, ["--input-type=module", "--eval", program(fifo)], { env, timeout: 60_000 });
    await assert.rejects(ended, { code: 7, killed: false, stdout: "said 7" });
  } finally {
    await rm(folder, { recursive: true });
  }
});
