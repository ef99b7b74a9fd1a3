import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { isFault } from "../base/fault.ts";
import type { Files } from "./files.ts";

export interface FilesUnderTest extends AsyncDisposable {
  readonly files: Files;
  /** Exists, is empty, belongs to this test alone. */
  readonly directory: string;
}

const text = (content: Uint8Array | undefined) => content && Buffer.from(content).toString();
const failsWith =
  (...errnos: string[]) =>
  (error: unknown) =>
    isFault(error, "file-failed") && errnos.includes(error.fault.errno);

/** What every Files must do. `make` gives a fresh one for each test. */
export function filesContract(name: string, make: () => Promise<FilesUnderTest>): void {
  const it = (what: string, run: (files: Files, at: (path: string) => string) => Promise<void>) =>
    test(`${name}: ${what}`, async () => {
      await using made = await make();
      await run(made.files, (path) => join(made.directory, path));
    });

  it("answers undefined for what is absent", async (files, at) => {
    for (const call of [files.stat, files.statFollow, files.list, files.readlink]) {
      assert.equal(await call(at("no/such")), undefined);
    }
    assert.equal(await files.read(at("no"), 10), undefined);
    assert.equal(await files.readTail(at("no"), 10), undefined);
  });

  it("removes what is absent without an error", async (files, at) => {
    await files.removeFile(at("no"));
    await files.removeDirectory(at("no"));
    await files.removeTree(at("no/such"));
  });

  it("writes atomically, with the mode it is told", async (files, at) => {
    await files.writeAtomic(at("f"), "one", 0o666);
    await files.writeAtomic(at("f"), "second", 0o640);
    assert.equal(text(await files.read(at("f"), 6)), "second");
    const stat = await files.stat(at("f"));
    assert.deepEqual([stat?.kind, stat?.mode, stat?.size], ["file", 0o640, 6]);
    assert.deepEqual(await files.list(at("")), ["f"], "no temporary file is left");
  });

  it("writes in place and keeps the inode and the mode", async (files, at) => {
    await files.writeInPlace(at("f"), "long content", 0o622);
    const before = await files.stat(at("f"));
    await files.writeInPlace(at("f"), "short", 0o600);
    const after = await files.stat(at("f"));
    assert.equal(after?.inode, before?.inode);
    assert.deepEqual([before?.mode, after?.mode], [0o622, 0o622]);
    assert.equal(text(await files.read(at("f"), 100)), "short");
  });

  it("refuses to read more than the limit", async (files, at) => {
    await files.writeAtomic(at("f"), "0123456789", 0o600);
    await assert.rejects(files.read(at("f"), 9), failsWith("EFBIG"));
    assert.equal(text(await files.read(at("f"), 10)), "0123456789");
    assert.equal(text(await files.readTail(at("f"), 3)), "789");
    assert.equal(text(await files.readTail(at("f"), 30)), "0123456789");
  });

  it("refuses to read a directory", async (files, at) => {
    await files.makeDirectory(at("d"), 0o755);
    await assert.rejects(files.read(at("d"), 9), failsWith("EISDIR"));
  });

  it("makes directories with parents, past the umask, and leaves one that is there", async (files, at) => {
    await files.makeDirectory(at("a/b/c"), 0o777);
    assert.equal((await files.stat(at("a/b/c")))?.mode, 0o777);
    assert.equal((await files.stat(at("a/b")))?.mode, 0o755);
    await files.makeDirectory(at("a/b/c"), 0o700);
    assert.equal((await files.stat(at("a/b/c")))?.mode, 0o777);
    await files.writeAtomic(at("f"), "", 0o600);
    await assert.rejects(files.makeDirectory(at("f"), 0o700), failsWith("EEXIST", "ENOTDIR"));
    await assert.rejects(files.makeDirectory(at("f/d"), 0o700), failsWith("EEXIST", "ENOTDIR"));
  });

  it("follows a symlink only where it says so", async (files, at) => {
    await files.writeAtomic(at("f"), "content", 0o600);
    await files.symlink("f", at("link"));
    assert.equal(await files.readlink(at("link")), "f");
    assert.equal((await files.stat(at("link")))?.kind, "symlink");
    assert.equal((await files.statFollow(at("link")))?.kind, "file");
    assert.equal(text(await files.read(at("link"), 100)), "content");
    await assert.rejects(files.readTail(at("link"), 100), failsWith("ELOOP"));
    await assert.rejects(files.chmod(at("link"), 0o777), failsWith("ELOOP"));
    await assert.rejects(files.writeInPlace(at("link"), "x", 0o600), failsWith("ELOOP"));
    assert.equal((await files.stat(at("f")))?.mode, 0o600);
  });

  it("replaces a symlink itself when it writes atomically", async (files, at) => {
    await files.writeAtomic(at("f"), "kept", 0o600);
    await files.symlink("f", at("link"));
    await files.writeAtomic(at("link"), "new", 0o600);
    assert.equal((await files.stat(at("link")))?.kind, "file");
    assert.equal(text(await files.read(at("f"), 100)), "kept");
  });

  it("renames over what is there, and lists in order", async (files, at) => {
    await files.writeAtomic(at("b"), "b", 0o600);
    await files.writeAtomic(at("a"), "a", 0o600);
    await files.makeDirectory(at("c"), 0o700);
    assert.deepEqual(await files.list(at("")), ["a", "b", "c"]);
    await files.rename(at("a"), at("b"));
    assert.equal(text(await files.read(at("b"), 10)), "a");
    await assert.rejects(files.rename(at("gone"), at("b")), failsWith("ENOENT"));
  });

  it("removes only an empty directory unless it is told a tree", async (files, at) => {
    await files.makeDirectory(at("d/e"), 0o755);
    await assert.rejects(files.removeDirectory(at("d")), failsWith("ENOTEMPTY"));
    await files.removeTree(at("d"));
    assert.equal(await files.stat(at("d")), undefined);
  });

  it("removes a tree without following the symlinks in it", async (files, at) => {
    await files.makeDirectory(at("outside"), 0o755);
    await files.writeAtomic(at("outside/precious"), "p", 0o600);
    await files.makeDirectory(at("tree/deep/deeper"), 0o755);
    await files.writeAtomic(at("tree/deep/f"), "f", 0o600);
    await files.symlink(at("outside"), at("tree/deep/deeper/link"));
    await files.removeTree(at("tree"));
    assert.deepEqual(await files.list(at("")), ["outside"]);
    assert.deepEqual(await files.list(at("outside")), ["precious"]);
    await files.symlink("outside", at("link"));
    await files.removeTree(at("link"));
    assert.deepEqual(await files.list(at("outside")), ["precious"]);
    assert.equal(await files.stat(at("link")), undefined);
  });

  it("watches a directory that is absent, made, removed and made again", async (files, at) => {
    const stop = new AbortController();
    const seen = files.watch(at("x/watched"), stop.signal)[Symbol.asyncIterator]();
    await seen.next();
    await files.makeDirectory(at("x/watched"), 0o755);
    await seen.next();
    await files.writeAtomic(at("x/watched/one"), "1", 0o600);
    await until(seen, async () => (await files.list(at("x/watched")))?.includes("one") === true);
    await files.removeTree(at("x"));
    await until(seen, async () => (await files.list(at("x/watched"))) === undefined);
    await files.makeDirectory(at("x/watched"), 0o755);
    await until(seen, async () => (await files.list(at("x/watched"))) !== undefined);
    await files.writeAtomic(at("x/watched/two"), "2", 0o600);
    await until(seen, async () => (await files.list(at("x/watched")))?.includes("two") === true);
    stop.abort(new Error("enough"));
    await assert.rejects(async () => {
      for (;;) await seen.next();
    }, /enough/);
  });

  it("watches one file over an atomic replacement", async (files, at) => {
    const stop = new AbortController();
    await files.writeAtomic(at("f"), "1", 0o600);
    const seen = files.watch(at("f"), stop.signal)[Symbol.asyncIterator]();
    await seen.next();
    for (const content of ["2", "3", "4"]) {
      await files.writeAtomic(at("f"), content, 0o600);
      await until(seen, async () => text(await files.read(at("f"), 10)) === content);
    }
    stop.abort();
  });
}

/** A watch says "look again", not what changed: look at each ring until it is so. Hangs where a change is missed. */
async function until(seen: AsyncIterator<void>, holds: () => Promise<boolean>): Promise<void> {
  do await seen.next();
  while (!(await holds()));
}
