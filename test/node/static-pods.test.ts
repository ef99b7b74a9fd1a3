import assert from "node:assert/strict";
import { mkdtemp, rename, rm, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createClock, createFiles, createHttpClient } from "../../src/adapters/linux/index.ts";
import { silentLog } from "../../src/base/log.ts";
import { seconds } from "../../src/base/units.ts";
import { nameOf } from "../../src/model/pod.ts";
import type { SourceUpdate } from "../../src/sources/index.ts";
import { readSources } from "../../src/sources/index.ts";

const manifest = (name: string, more = ""): string =>
  `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\nspec:\n  containers:\n  - name: c\n    image: i:1\n${more}`;

test("a real manifest folder is followed by change notices alone", { timeout: 60_000 }, async () => {
  const folder = await mkdtemp("/tmp/kubelet-ts-manifests-");
  const stop = new AbortController();
  const deps = { files: createFiles(), http: createHttpClient(), clock: createClock(), log: silentLog };
  // Scanning would come too late for this test: what it sees came through the watch.
  const options = {
    nodeName: "n",
    staticPodPath: folder,
    fileCheckFrequency: seconds(600),
    httpCheckFrequency: seconds(600),
  };
  const updates = readSources(options, deps, stop.signal)[Symbol.asyncIterator]();
  const next = async (): Promise<SourceUpdate> => {
    const { value } = await updates.next();
    return value;
  };
  const namesOf = ({ pods }: SourceUpdate) => pods.map(nameOf);
  const put = async (name: string, text: string) => {
    await writeFile(join(folder, ".new"), text);
    await rename(join(folder, ".new"), join(folder, name));
  };
  try {
    assert.deepEqual(namesOf(await next()), []);
    await put("a.yaml", manifest("a"));
    assert.deepEqual(namesOf(await next()), ["a-n"]);
    await put(
      "b.json",
      JSON.stringify({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "b" },
        spec: { containers: [{ name: "c", image: "i" }] },
      }),
    );
    const both = await next();
    assert.deepEqual(namesOf(both), ["a-n", "b-n"]);
    await writeFile(join(folder, "a.yaml"), manifest("a", "    args: [x]\n"));
    // Written in place: whoever looks between the truncation and the content may find the file empty for a moment.
    let changed = await next();
    while (changed.pods[0]?.spec?.containers[0]?.args === undefined) changed = await next();
    assert.deepEqual(changed.pods[0]?.spec?.containers[0]?.args, ["x"]);
    assert.notEqual(changed.pods[0]?.metadata?.uid, both.pods[0]?.metadata?.uid);
    assert.equal(changed.pods[1]?.metadata?.uid, both.pods[1]?.metadata?.uid);
    await put("c.yaml", "kind: [\n");
    const broken = await next();
    assert.deepEqual(namesOf(broken), ["a-n", "b-n"]);
    assert.equal(broken.complete, false);
    await unlink(join(folder, "a.yaml"));
    let last = broken;
    while (namesOf(last).includes("a-n")) last = await next();
    assert.deepEqual(namesOf(last), ["b-n"]);
  } finally {
    stop.abort(new Error("test is over"));
    await assert.rejects(async () => updates.next(), /test is over/);
    await rm(folder, { recursive: true });
  }
});
