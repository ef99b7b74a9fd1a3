import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { isFault } from "../base/fault.ts";
import type { Files } from "./files.ts";
import type { Mounts } from "./mounts.ts";

export interface MountsUnderTest extends AsyncDisposable {
  readonly mounts: Mounts;
  readonly files: Files;
  /** Exists, is empty, belongs to this test alone. What is mounted below is unmounted when the test ends. */
  readonly directory: string;
}

const failsWith =
  (...errnos: string[]) =>
  (error: unknown) =>
    isFault(error, "file-failed") && errnos.includes(error.fault.errno);

/** What every Mounts must do. */
export function mountsContract(name: string, make: () => Promise<MountsUnderTest>): void {
  const it = (what: string, run: (mounts: Mounts, files: Files, at: (path: string) => string) => Promise<void>) =>
    test(`${name}: ${what}`, async () => {
      await using made = await make();
      await run(made.mounts, made.files, (path) => join(made.directory, path));
    });

  it("mounts a tmpfs once, lists it, unmounts it", async (mounts, files, at) => {
    await files.makeDirectory(at("t"), 0o755);
    await mounts.mountTmpfs(at("t"), ["size=1048576"]);
    await mounts.mountTmpfs(at("t"), ["size=1048576"]);
    const list = await mounts.list(at(""));
    assert.deepEqual(
      list.map(({ type, target }) => [type, target]),
      [["tmpfs", at("t")]],
    );
    assert.equal((await mounts.usage(at("t"))).capacityBytes, 1048576);
    await mounts.unmount(at("t"), false);
    await mounts.unmount(at("t"), false);
    await mounts.unmount(at("absent"), true);
    assert.deepEqual(await mounts.list(at("")), []);
  });

  it("lists deeper mounts first", async (mounts, files, at) => {
    await files.makeDirectory(at("t"), 0o755);
    await mounts.mountTmpfs(at("t"), []);
    await files.makeDirectory(at("t/inner space"), 0o755);
    await mounts.mountTmpfs(at("t/inner space"), []);
    assert.deepEqual(
      (await mounts.list(at(""))).map(({ target }) => target),
      [at("t/inner space"), at("t")],
    );
    assert.deepEqual((await mounts.list(at("t/inner space"))).length, 1);
    assert.deepEqual(await mounts.list(at("t/inner")), [], "a name that only begins alike");
  });

  it("refuses to unmount what is in use, unless lazily", async (mounts, files, at) => {
    await files.makeDirectory(at("t"), 0o755);
    await mounts.mountTmpfs(at("t"), []);
    await files.makeDirectory(at("t/in"), 0o755);
    await mounts.mountTmpfs(at("t/in"), []);
    await assert.rejects(mounts.unmount(at("t"), false), failsWith("EBUSY"));
    await mounts.unmount(at("t"), true);
    assert.deepEqual(await mounts.list(at("")), []);
  });

  it("binds, also read-only", async (mounts, files, at) => {
    for (const path of ["from", "to", "fixed"]) await files.makeDirectory(at(path), 0o755);
    await files.writeAtomic(at("from/f"), "f", 0o644);
    await mounts.bind(at("from"), at("to"), false);
    await files.writeAtomic(at("to/g"), "g", 0o644);
    assert.deepEqual(await files.list(at("from")), ["f", "g"]);
    await mounts.bind(at("from"), at("fixed"), true);
    assert.deepEqual(await files.list(at("fixed")), ["f", "g"]);
    await assert.rejects(files.writeAtomic(at("fixed/h"), "h", 0o644), failsWith("EROFS"));
  });

  it("removes no tree over a mount in it", async (mounts, files, at) => {
    for (const path of ["outside", "tree/a"]) await files.makeDirectory(at(path), 0o755);
    await files.writeAtomic(at("outside/precious"), "p", 0o644);
    await mounts.bind(at("outside"), at("tree/a"), false);
    await assert.rejects(files.removeTree(at("tree")), failsWith("EXDEV", "EBUSY"));
    await assert.rejects(files.removeTree(at("tree/a")), failsWith("EXDEV", "EBUSY"));
    assert.deepEqual(await files.list(at("outside")), ["precious"]);
  });

  it("makes a path shared, twice without harm", async (mounts, files, at) => {
    await files.makeDirectory(at("s"), 0o755);
    await mounts.makeShared(at("s"));
    await mounts.makeShared(at("s"));
    assert.equal((await mounts.list(at("s"))).length, 1);
  });

  it("bindInside() binds what it finds and makes what is missing, with root's mode", async (mounts, files, at) => {
    await files.makeDirectory(at("volume"), 0o707);
    await files.writeAtomic(at("volume/file"), "content", 0o644);
    await mounts.bindInside(at("volume"), "file", at("targets/0"));
    assert.equal((await files.stat(at("targets/0")))?.inode, (await files.stat(at("volume/file")))?.inode);
    await mounts.bindInside(at("volume"), "new/deep", at("targets/1"));
    assert.equal((await files.stat(at("volume/new/deep")))?.mode, 0o707);
    assert.equal((await files.stat(at("volume/new")))?.mode, 0o707);
    assert.equal((await files.stat(at("targets/1")))?.inode, (await files.stat(at("volume/new/deep")))?.inode);
    await mounts.bindInside(at("volume"), "new/deep", at("targets/1"));
    await mounts.bindInside(at("volume"), "new", at("targets/1"));
    assert.equal((await files.stat(at("targets/1")))?.inode, (await files.stat(at("volume/new")))?.inode);
    assert.equal((await mounts.list(at("targets"))).length, 2, "one mount for each target, however often");
  });

  it("bindInside() follows symlinks that stay inside and refuses those that lead out", async (mounts, files, at) => {
    for (const path of ["volume/a", "outside"]) await files.makeDirectory(at(path), 0o755);
    await files.symlink("a", at("volume/inside"));
    await mounts.bindInside(at("volume"), "inside", at("target"));
    assert.equal((await files.stat(at("target")))?.inode, (await files.stat(at("volume/a")))?.inode);
    await files.symlink("../outside", at("volume/relative"));
    await files.symlink(at("outside"), at("volume/absolute"));
    await files.symlink(at("nowhere"), at("volume/dangling"));
    for (const path of ["relative", "absolute", "relative/x", "dangling", "dangling/x", "../outside", "/etc"]) {
      const hostile = mounts.bindInside(at("volume"), path, at("never"));
      await assert.rejects(hostile, failsWith("EXDEV", "ELOOP", "ENOTDIR", "EINVAL"), path);
    }
    assert.deepEqual(await files.list(at("outside")), []);
    assert.equal(await files.stat(at("nowhere")), undefined);
    assert.deepEqual(
      (await mounts.list(at(""))).map(({ target }) => target),
      [at("target")],
    );
  });
}
