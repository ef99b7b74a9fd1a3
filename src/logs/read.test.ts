import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "../base/fault.ts";
import { FakeLogFiles, stillClock } from "./fake-log-files.ts";
import { parseCriLine } from "./line.ts";
import { type LogOptions, readLog } from "./read.ts";
import { LineSplitter, MAX_LINE } from "./split.ts";

const PATH = "/logs/web/0.log";
const ALL: LogOptions = {
  timestamps: false,
  since: undefined,
  stream: "all",
  limitBytes: undefined,
  tailLines: undefined,
  follow: false,
};
const never = new AbortController().signal;
const stamp = (n: number) => `2026-01-01T00:00:${String(n).padStart(2, "0")}.000000000Z`;

async function read(files: FakeLogFiles, options: Partial<LogOptions> = {}): Promise<string> {
  const parts: Uint8Array[] = [];
  const source = { path: PATH, running: () => false };
  for await (const part of readLog(source, { ...ALL, ...options }, { files, clock: stillClock }, never))
    parts.push(part);
  return Buffer.concat(parts).toString();
}
const fileOf = (...lines: string[]): FakeLogFiles => {
  const files = new FakeLogFiles();
  files.append(PATH, lines.join(""));
  return files;
};

const a = `${stamp(1)} stdout F one\n`;
const b = `${stamp(2)} stderr P tw\n`;
const c = `${stamp(2)} stderr F o\n`;
const d = `${stamp(3)} stdout F three\n`;
const cases: readonly { name: string; lines: string[]; options?: Partial<LogOptions>; text: string }[] = [
  { name: "joins parts", lines: [a, b, c, d], text: "one\ntwo\nthree\n" },
  { name: "counts raw lines from the end", lines: [a, b, c, d], options: { tailLines: 2 }, text: "o\nthree\n" },
  { name: "takes a tail of 0", lines: [a, d], options: { tailLines: 0 }, text: "" },
  { name: "takes a tail longer than the file", lines: [a, d], options: { tailLines: 99 }, text: "one\nthree\n" },
  {
    name: "prefixes line starts only",
    lines: [a, b, c],
    options: { timestamps: true },
    text: `${stamp(1)} one\n${stamp(2)} two\n`,
  },
  {
    name: "counts prefixes in the limit",
    lines: [a, d],
    options: { timestamps: true, limitBytes: 33 },
    text: `${stamp(1)} on`,
  },
  { name: "stops in the middle of a line", lines: [a, d], options: { limitBytes: 6 }, text: "one\nth" },
  {
    name: "skips what is older",
    lines: [a, b, c, d],
    options: { since: { secondMs: Date.UTC(2026, 0, 1, 0, 0, 2), nanos: 0 } },
    text: "two\nthree\n",
  },
  { name: "picks one stream", lines: [a, b, c, d], options: { stream: "stderr" }, text: "two\n" },
  { name: "skips lines that make no sense", lines: [a, "garbage\n", d], text: "one\nthree\n" },
  { name: "prints an unfinished last line", lines: [a, `${stamp(3)} stdout F thr`], text: "one\nthr" },
  { name: "prints nothing of an empty file", lines: [""], text: "" },
  {
    name: "reads Docker's JSON",
    lines: [
      `{"log":"x\\n","stream":"stdout","time":"${stamp(1)}"}\n`,
      `{"log":"y","stream":"stderr","time":"${stamp(1)}"}\n`,
    ],
    text: "x\ny",
  },
];
for (const { name, lines, options, text } of cases) {
  test(`readLog() ${name}`, async () => assert.equal(await read(fileOf(...lines), options), text));
}

test("readLog() says that there is no file", async () => {
  await assert.rejects(
    read(new FakeLogFiles()),
    (error) => isFault(error, "file-failed") && /there is no such file/.test(error.message),
  );
});

test("readLog() refuses a file whose first line is in no known format", async () => {
  await assert.rejects(read(fileOf("\u0000\u0001binary\n")), /unsupported log format/);
});

test("readLog() passes on a line of 5 MB in pieces without gathering it", async () => {
  const text = "x".repeat(5_000_000);
  const files = fileOf(`${stamp(1)} stdout P ${text}\n`, `${stamp(1)} stdout F end\n`, "y".repeat(3_000_000), `\n${d}`);
  assert.equal(await read(files), `${text}end\nthree\n`);
});

test("LineSplitter holds no more than one longest line", () => {
  const splitter = new LineSplitter();
  let most = 0;
  for (let n = 0; n < 100; n++) {
    for (const _ of splitter.push(new Uint8Array(65_536).fill(0x78)));
    most = Math.max(most, splitter.pending);
  }
  assert.ok(most <= MAX_LINE, `${most}`);
});

/** The plainest thing that could be right: whole file, split, parse, join. */
function naive(raw: string, tail: number | undefined): string {
  const lines = raw.split(/(?<=\n)/).filter((line) => line !== "");
  const whole = lines.filter((line) => line.endsWith("\n"));
  const open = lines.length > whole.length ? lines.slice(-1) : [];
  const chosen = tail === undefined ? lines : [...(tail === 0 ? [] : whole.slice(-tail)), ...open];
  return chosen
    .map((line) => parseCriLine(Buffer.from(line)))
    .filter((line) => line !== undefined)
    .slice(0, tail)
    .map((line) => Buffer.from(line.text).toString())
    .join("");
}
const rawLine = fc
  .tuple(fc.constantFrom("stdout", "stderr"), fc.constantFrom("F", "P"), fc.string({ unit: "grapheme", maxLength: 30 }))
  .map(([stream, tag, text]) => `${stamp(1)} ${stream} ${tag} ${text.replaceAll("\n", "")}\n`);
const rawFile = fc
  .tuple(
    rawLine,
    fc.array(fc.oneof({ weight: 5, arbitrary: rawLine }, { weight: 1, arbitrary: fc.constant("garbage\n") }), {
      maxLength: 20,
    }),
    fc.nat(20),
  )
  .map(([first, rest, cut]) => `${first}${rest.join("")}${first.slice(0, cut > 10 ? cut + 30 : 0)}`);

test("readLog() equals the naive reading for any file, read size and tail", async () => {
  await fc.assert(
    fc.asyncProperty(
      rawFile,
      fc.integer({ min: 1, max: 80 }),
      fc.option(fc.nat(25), { nil: undefined }),
      async (raw, most, tailLines) => {
        const expected = naive(raw, tailLines);
        const files = fileOf(raw);
        files.mostPerRead = most;
        assert.equal(
          await read(files, { tailLines }).catch((error) => (/unsupported/.test(String(error)) ? expected : error)),
          expected,
        );
      },
    ),
    { numRuns: 300 },
  );
});

/** Follows while `steps` happen, one after each settled state, and gives what came. */
async function follow(
  files: FakeLogFiles,
  steps: readonly (() => void)[],
  options: Partial<LogOptions> = {},
): Promise<string> {
  let running = true;
  let text = "";
  const reading = (async () => {
    const source = { path: PATH, running: () => running };
    for await (const part of readLog(
      source,
      { ...ALL, follow: true, ...options },
      { files, clock: stillClock },
      never,
    )) {
      text += Buffer.from(part).toString();
    }
  })();
  const settle = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  for (const step of steps) {
    step();
    for (let n = 0; n < 10; n++) await settle();
  }
  running = false;
  files.append(PATH, "");
  await reading;
  return text;
}

test("readLog() follows over a rotation, the old file first", async () => {
  const files = fileOf(a);
  const text = await follow(files, [
    () => files.append(PATH, d),
    () => files.rename(PATH, `${PATH}.20260101-000001`),
    () => files.append(`${PATH}.20260101-000001`, `${stamp(4)} stdout F late\n`),
    () => files.append(PATH, ""),
    () => files.append(`${PATH}.20260101-000001`, `${stamp(4)} stdout F later\n`),
    () => files.append(PATH, `${stamp(5)} stdout F new\n`),
  ]);
  assert.equal(text, "one\nthree\nlate\nlater\nnew\n");
});

test("readLog() catches up over two rotations that came at once", async () => {
  const files = fileOf(a);
  const rotate = (second: number, text: string) => {
    files.rename(PATH, `${PATH}.20260101-00000${second}`);
    files.append(PATH, `${stamp(second)} stdout F ${text}\n`);
  };
  files.append(`${PATH}.20250101-000000`, `${stamp(0)} stdout F ancient\n`);
  const text = await follow(files, [
    () => {},
    () => {
      rotate(1, "second");
      rotate(2, "third");
    },
  ]);
  assert.equal(text, "one\nsecond\nthird\n");
});

test("readLog() follows with a tail and holds back an unfinished line until it is whole", async () => {
  const files = fileOf(a, d);
  let seen = "";
  const text = await follow(
    files,
    [() => files.append(PATH, `${stamp(4)} stdout F fo`), () => files.append(PATH, "ur\n")],
    { tailLines: 1 },
  );
  seen = text;
  assert.equal(seen, "three\nfour\n");
});

test("readLog() ends quietly when a follower goes away", async () => {
  const files = fileOf(a);
  const stop = new AbortController();
  let text = "";
  for await (const part of readLog(
    { path: PATH, running: () => true },
    { ...ALL, follow: true },
    { files, clock: stillClock },
    stop.signal,
  )) {
    text += Buffer.from(part).toString();
    setImmediate(() => stop.abort());
  }
  assert.equal(text, "one\n");
});
