import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { buildImage, type ImageEntry, imageArchive } from "./images.ts";
import { leaks, type MachineState } from "./leaks.ts";
import { tryRun } from "./run.ts";
import { summaryLine } from "./tests.ts";
import { waitFor } from "./wait.ts";

const ENTRIES: readonly ImageEntry[] = [
  { kind: "file", path: "bin/tool", content: "#!/bin/sh\n", mode: 0o755 },
  { kind: "link", path: "bin/alias", to: "tool" },
  { kind: "directory", path: "tmp", mode: 0o1777 },
];

describe("buildImage()", () => {
  test("gives the same digests for the same input", async () => {
    const [one, two] = await Promise.all([
      buildImage([ENTRIES], { Cmd: ["tool"] }),
      buildImage([ENTRIES], { Cmd: ["tool"] }),
    ]);
    assert.equal(one.manifest.digest, two.manifest.digest);
    assert.notEqual(one.manifest.digest, (await buildImage([ENTRIES], { Cmd: ["alias"] })).manifest.digest);
  });

  test("names its blobs in the manifest by digest and size", async () => {
    const { manifest, config, layers } = await buildImage([ENTRIES, []], {});
    const parsed = JSON.parse(Buffer.from(manifest.bytes).toString());
    assert.deepEqual([parsed.config.digest, parsed.config.size], [config.digest, config.bytes.length]);
    assert.deepEqual(
      parsed.layers.map((layer: { digest: string }) => layer.digest),
      layers.map(({ digest }) => digest),
    );
  });

  test("archives as a tar of whole blocks", async () => {
    const archive = await imageArchive(await buildImage([ENTRIES], {}), "registry.local/tool:1");
    assert.equal(archive.length % 512, 0);
    assert.ok(Buffer.from(archive).includes("registry.local/tool:1"));
  });
});

describe("leaks()", () => {
  const nothing: MachineState = {
    processes: new Map(),
    mounts: new Map(),
    cgroups: new Map(),
    interfaces: new Map(),
    files: new Map(),
  };
  const after: MachineState = {
    ...nothing,
    mounts: new Map([["a", "mount /tmp/mine/x"]]),
    cgroups: new Map([["b", "cgroup /sys/fs/cgroup/pids/other"]]),
  };
  const cases = [
    { name: "finds nothing where nothing changed", before: after, mentioning: [""], want: [] },
    {
      name: "finds all that is new",
      before: nothing,
      mentioning: [""],
      want: ["mount /tmp/mine/x", "cgroup /sys/fs/cgroup/pids/other"],
    },
    {
      name: "leaves out what is not the run's own",
      before: nothing,
      mentioning: ["/tmp/mine"],
      want: ["mount /tmp/mine/x"],
    },
  ];
  for (const { name, before, mentioning, want } of cases) {
    test(name, () => assert.deepEqual(leaks(before, after, mentioning), want));
  }
});

describe("waitFor()", () => {
  test("returns the first answer that is one", async () => {
    const answers = [undefined, false, null, 0] as const;
    let asked = 0;
    assert.equal(await waitFor("an answer", () => answers[asked++], { interval: 0 }), 0);
  });

  test("tells what it waited for, the last error and the explanation", async () => {
    const probe = () => {
      throw new Error("not there");
    };
    await assert.rejects(waitFor("the moon", probe, { timeout: 0, interval: 0, explain: () => "it is day" }), {
      message: "waited 0 s for the moon\nlast error: Error: not there\nit is day",
    });
  });
});

describe("npm test", () => {
  test("lists its parts when it is asked for one that it doesn't have", async () => {
    const done = await tryRun(process.execPath, [new URL("../test.ts", import.meta.url).pathname, "nonsense"]);
    assert.equal(done.code, 2);
    assert.match(done.stderr, /unknown part "nonsense".*check.*unit.*sim.*node/s);
  });

  test("closes with a line that CI systems read", () => {
    assert.equal(summaryLine({ passed: 3, failed: 1, skipped: 2 }), "3 passed, 1 failed, 2 skipped");
  });
});
