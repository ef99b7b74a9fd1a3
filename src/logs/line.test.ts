import assert from "node:assert/strict";
import { test } from "node:test";
import { compareLogTimes, detectFormat, parseCriLine, parseDockerLine, parseLogTime } from "./line.ts";

const times: readonly { text: string; fixed: string | undefined; secondMs?: number }[] = [
  { text: "2016-10-06T00:17:09.669794202Z", fixed: "2016-10-06T00:17:09.669794202Z", secondMs: 1475713029000 },
  { text: "2016-10-06T00:17:09Z", fixed: "2016-10-06T00:17:09.000000000Z", secondMs: 1475713029000 },
  { text: "2016-10-06T02:17:09.5+02:00", fixed: "2016-10-06T02:17:09.500000000+02:00", secondMs: 1475713029000 },
  { text: "2016-10-06T00:17:09.1+00:00", fixed: "2016-10-06T00:17:09.100000000Z", secondMs: 1475713029000 },
  { text: "2016-10-06T00:17:09.1234567899Z", fixed: "2016-10-06T00:17:09.123456789Z", secondMs: 1475713029000 },
  { text: "2016-02-30T00:17:09Z", fixed: undefined },
  { text: "2016-10-06T25:17:09Z", fixed: undefined },
  { text: "2016-10-06 00:17:09Z", fixed: undefined },
  { text: "2016-10-06T00:17:09", fixed: undefined },
  { text: "", fixed: undefined },
];
for (const { text, fixed, secondMs } of times) {
  test(`parseLogTime() reads ${JSON.stringify(text)} as ${fixed ?? "nothing"}`, () => {
    const time = parseLogTime(text);
    assert.equal(time?.fixed, fixed);
    assert.equal(time?.secondMs, secondMs);
  });
}

test("compareLogTimes() orders by nanoseconds within a second", () => {
  const early = parseLogTime("2016-10-06T00:17:09.000000001Z");
  const late = parseLogTime("2016-10-06T00:17:09.000000002Z");
  assert.ok(early && late);
  assert.deepEqual(
    [compareLogTimes(early, late), compareLogTimes(late, early), compareLogTimes(late, late)],
    [-1, 1, 0],
  );
});

const at = "2016-10-06T00:17:09.669794202Z";
const lines: readonly { name: string; raw: string; text: string | undefined; stream?: string }[] = [
  { name: "a full line with its newline", raw: `${at} stdout F hello\n`, text: "hello\n", stream: "stdout" },
  { name: "a part without its newline", raw: `${at} stderr P hel\n`, text: "hel", stream: "stderr" },
  { name: "more than one tag", raw: `${at} stderr P:x:y hel\n`, text: "hel", stream: "stderr" },
  { name: "an unknown tag as full", raw: `${at} stdout Q hello\n`, text: "hello\n", stream: "stdout" },
  { name: "an empty text", raw: `${at} stdout F \n`, text: "\n", stream: "stdout" },
  { name: "an empty part", raw: `${at} stdout P \n`, text: "", stream: "stdout" },
  { name: "a last line with no newline", raw: `${at} stdout F hello`, text: "hello", stream: "stdout" },
  { name: "spaces of the text", raw: `${at} stdout F  a  b \n`, text: " a  b \n", stream: "stdout" },
  { name: "no third stream", raw: `${at} stdin F hello\n`, text: undefined },
  { name: "no line without a tag", raw: `${at} stdout\n`, text: undefined },
  { name: "no line without a time", raw: "hello world F x\n", text: undefined },
  { name: "no empty line", raw: "\n", text: undefined },
];
for (const { name, raw, text, stream } of lines) {
  test(`parseCriLine() reads ${name}`, () => {
    const line = parseCriLine(Buffer.from(raw));
    assert.equal(line && Buffer.from(line.text).toString(), text);
    assert.equal(line?.stream, stream);
  });
}

test("parseDockerLine() reads Docker's JSON", () => {
  const line = parseDockerLine(
    Buffer.from(`{"log":"content 1\\n","stream":"stdout","time":"2016-10-20T18:39:20.57606443Z"}\n`),
  );
  assert.equal(line && Buffer.from(line.text).toString(), "content 1\n");
  assert.equal(line?.time.fixed, "2016-10-20T18:39:20.576064430Z");
});
for (const raw of [
  "{",
  "[]",
  "null",
  `{"log":1,"stream":"stdout","time":"${at}"}`,
  `{"log":"x","stream":"stdout","time":"never"}`,
]) {
  test(`parseDockerLine() refuses ${raw}`, () => assert.equal(parseDockerLine(Buffer.from(raw)), undefined));
}

test("detectFormat() tells CRI, Docker and neither", () => {
  assert.equal(detectFormat(Buffer.from(`${at} stdout F hello\n`)), "cri");
  assert.equal(detectFormat(Buffer.from(`{"log":"x","stream":"stderr","time":"${at}"}`)), "docker");
  assert.equal(detectFormat(Buffer.from([0, 1, 2, 255, 10])), undefined);
});
