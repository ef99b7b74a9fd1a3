import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../base/fault.ts";
import { Chance } from "../sim/chance.ts";
import { type Directory, Disk } from "../sim/disk.ts";
import { Faults } from "../sim/faults.ts";
import { SimFiles } from "../sim/sim-files.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { World } from "../sim/world.ts";
import { writeVolume } from "./atomic-writer.ts";
import type { Payload } from "./payload.ts";

const DIRECTORY = "/vol";

/** A disk with an empty volume on it, and processes that write to it. */
function machine(seed = 1) {
  const time = new VirtualTime();
  const chance = new Chance(seed);
  const faults = new Faults();
  const world = new World(time, chance);
  const disk = new Disk();
  disk.put(disk.walk(DIRECTORY, false), disk.directory(0o777));

  /** Writes as a process of its own does that dies after `lifetime` ms. undefined: it died. */
  async function write(payload: Payload, lifetime = Number.POSITIVE_INFINITY): Promise<unknown> {
    const life = new AbortController();
    const files = new SimFiles(disk, world, faults, life.signal);
    const deps = { files, clock: time.clock(life.signal), random: chance };
    let outcome: unknown;
    writeVolume(DIRECTORY, payload, async () => {}, deps).then(
      (changed) => {
        outcome = changed;
      },
      (error) => {
        outcome = error;
      },
    );
    const end = time.now() + Math.min(lifetime, 10_000);
    await time.runUntil(end, () => {});
    life.abort(new Error("killed"));
    await time.runUntil(time.now() + 10_000, () => {});
    return outcome;
  }
  return { disk, faults, chance, write };
}

const textOf = (content: Uint8Array): string => Buffer.from(content).toString();

/** Path -> content and mode of all files below a directory, links followed. */
function contentOf(disk: Disk, path: string): Record<string, string> {
  const { entry } = disk.walk(path, true);
  if (entry?.kind !== "directory") return {};
  const below = (directory: Directory, prefix: string): [string, string][] =>
    [...directory.children].flatMap(([name, child]): [string, string][] => {
      if (child.kind === "directory") return below(child, `${prefix}${name}/`);
      return child.kind === "file" ? [[prefix + name, `${textOf(child.content)} ${child.mode.toString(8)}`]] : [];
    });
  return Object.fromEntries(below(entry, "").sort());
}

/** What a container sees: through the links with names. */
function visibleOf(disk: Disk): Record<string, string> {
  const names = namesOf(disk).filter((name) => !name.startsWith(".."));
  const parts = names.map((name) => {
    const { entry } = disk.walk(`${DIRECTORY}/${name}`, true);
    if (entry?.kind === "file") return { [name]: `${textOf(entry.content)} ${entry.mode.toString(8)}` };
    const inner = Object.entries(contentOf(disk, `${DIRECTORY}/${name}`));
    return Object.fromEntries(inner.map(([path, text]) => [`${name}/${path}`, text]));
  });
  return Object.fromEntries(parts.flatMap((part) => Object.entries(part)).sort());
}

const namesOf = (disk: Disk): string[] => {
  const { entry } = disk.walk(DIRECTORY, true);
  return entry?.kind === "directory" ? [...entry.children.keys()].sort() : [];
};

const payload = (files: Record<string, string>, mode = 0o644): Payload =>
  new Map(Object.entries(files).map(([path, text]) => [path, { content: new TextEncoder().encode(text), mode }]));
const shown = (files: Record<string, string>, mode = 0o644): Record<string, string> =>
  Object.fromEntries(
    Object.entries(files)
      .map(([path, text]): [string, string] => [path, `${text} ${mode.toString(8)}`])
      .sort(),
  );

test("writeVolume() lays files out as upstream does", async () => {
  const { disk, write } = machine();
  assert.equal(await write(payload({ a: "1", "d/x": "2", "d/e/y": "3" }, 0o440)), true);
  const [version, ...names] = namesOf(disk);
  assert.deepEqual(names, ["..data", "a", "d"]);
  assert.match(version ?? "", /^\.\.2026_01_01_00_00_00\.\d+$/);
  const links = ["..data", "a", "d"].map((name) => {
    const { entry } = disk.walk(`${DIRECTORY}/${name}`, false);
    return entry?.kind === "symlink" ? entry.target : entry?.kind;
  });
  assert.deepEqual(links, [version, "..data/a", "..data/d"]);
  assert.deepEqual(visibleOf(disk), shown({ a: "1", "d/x": "2", "d/e/y": "3" }, 0o440));
});

test("writeVolume() writes nothing when all is as wanted", async () => {
  const { disk, write } = machine();
  await write(payload({ a: "1", b: "2" }));
  const before = namesOf(disk);
  assert.equal(await write(payload({ b: "2", a: "1" })), false);
  assert.deepEqual(namesOf(disk), before);
});

const CHANGES: readonly [what: string, before: Record<string, string>, after: Record<string, string>][] = [
  ["new content", { a: "1" }, { a: "2" }],
  ["content of the same length as before", { a: "12", b: "0" }, { a: "21", b: "0" }],
  ["a file more", { a: "1" }, { a: "1", b: "2" }],
  ["a file less", { a: "1", b: "2" }, { a: "1" }],
  ["a file less in a directory", { "d/a": "1", "d/b": "2" }, { "d/a": "1" }],
  ["a file that becomes a directory", { a: "1" }, { "a/b": "1" }],
  ["a directory that becomes a file", { "a/b": "1" }, { a: "1" }],
  ["nothing any more", { a: "1", "d/b": "2" }, {}],
  ["something after nothing", {}, { a: "1" }],
];
for (const [what, before, after] of CHANGES) {
  test(`writeVolume() brings ${what}, and removes the version before`, async () => {
    const { disk, write } = machine();
    await write(payload(before));
    assert.equal(await write(payload(after)), true);
    assert.deepEqual(visibleOf(disk), shown(after));
    assert.equal(namesOf(disk).filter((name) => /^\.\.\d/.test(name)).length, 1);
  });
}

test("writeVolume() leaves a directory that another volume is mounted on", async () => {
  const { disk, write } = machine();
  disk.put(disk.walk(`${DIRECTORY}/inner`, false), disk.directory(0o755));
  await write(payload({ a: "1", inner: "hidden" }));
  await write(payload({ a: "2" }));
  assert.equal(disk.walk(`${DIRECTORY}/inner`, false).entry?.kind, "directory");
});

test("writeVolume() takes over from a kubelet that died between any two of its steps", async () => {
  const { disk, write } = machine();
  await write(payload({ a: "1" }));
  disk.put(disk.walk(`${DIRECTORY}/..data_tmp`, false), disk.symlink("..2020_01_01_00_00_00.1"));
  disk.put(disk.walk(`${DIRECTORY}/..2020_01_01_00_00_00.1`, false), disk.directory(0o755));
  disk.put(disk.walk(`${DIRECTORY}/old`, false), disk.symlink("..data/old"));
  assert.equal(await write(payload({ a: "2" })), true);
  assert.deepEqual(visibleOf(disk), shown({ a: "2" }));
  assert.deepEqual(namesOf(disk).length, 3);
});

test("writeVolume() does not follow a data link that leads out of the volume", async () => {
  const { disk, write } = machine();
  disk.put(disk.walk("/precious", false), disk.directory(0o755));
  disk.put(disk.walk("/precious/a", false), disk.file(0o600, new TextEncoder().encode("1")));
  disk.put(disk.walk(`${DIRECTORY}/..data`, false), disk.symlink("../precious"));
  assert.equal(await write(payload({ a: "1" })), true);
  assert.deepEqual(contentOf(disk, "/precious"), { a: "1 600" });
  assert.match(String((disk.walk(`${DIRECTORY}/..data`, false).entry as { target?: string }).target), /^\.\.2026/);
});

test("writeVolume() leaves the version that is shown when the disk is full", async () => {
  const { disk, faults, write } = machine();
  await write(payload({ a: "1" }));
  faults.diskFull = true;
  const error = await write(payload({ a: "2" }));
  assert.ok(isFault(error, "file-failed") && error.fault.errno === "ENOSPC");
  assert.deepEqual(visibleOf(disk), shown({ a: "1" }));
  faults.diskFull = false;
  await write(payload({ a: "2" }));
  assert.deepEqual(visibleOf(disk), shown({ a: "2" }));
});

test("writeVolume() shows one whole version at every moment, whatever fails and whenever it is killed", async () => {
  const PATHS = ["a", "b", "d/x", "d/y", "e/f/g"];
  for (let seed = 1; seed <= 150; seed++) {
    const { disk, faults, chance, write } = machine(seed);
    let allowed: readonly Record<string, string>[] = [{}];
    const seen = () => JSON.stringify(contentOf(disk, `${DIRECTORY}/..data`));
    const torn: string[] = [];
    disk.watch(() => {
      if (!allowed.some((version) => JSON.stringify(version) === seen())) torn.push(seen());
    });
    let last: Record<string, string> = {};
    for (let turn = 0; turn < 6; turn++) {
      const chosen = PATHS.filter(() => chance.happens(0.5));
      const files = Object.fromEntries(chosen.map((path) => [path, `${chance.between(0, 3)}`]));
      allowed = [...allowed, shown(files)];
      faults.diskErrors = chance.happens(0.3) ? 0.1 : 0;
      await write(payload(files), chance.happens(0.6) ? chance.between(0, 40) : undefined);
      assert.deepEqual(torn, [], `seed ${seed}, turn ${turn}: none of ${JSON.stringify(allowed)}`);
      // What is shown now stays until the next try is published.
      allowed = allowed.filter((version) => JSON.stringify(version) === seen());
      last = files;
    }
    faults.stop();
    allowed = [...allowed, shown(last)];
    await write(payload(last));
    assert.deepEqual(visibleOf(disk), shown(last), `seed ${seed}`);
    const litter = namesOf(disk).filter((name) => name.startsWith("..") && name !== "..data");
    assert.equal(litter.length, 1, `seed ${seed}: ${litter}`);
  }
});
