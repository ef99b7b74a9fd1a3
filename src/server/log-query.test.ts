import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLogTime } from "../logs/index.ts";
import { parseLogQuery } from "./log-query.ts";

const now = new Date("2026-01-01T00:01:00Z");
const plain = {
  follow: false,
  timestamps: false,
  stream: "all",
  tailLines: undefined,
  limitBytes: undefined,
  since: undefined,
};
const parse = (query: string, split = false) => parseLogQuery(new URLSearchParams(query), now, split);

const good: readonly { query: string; options: object; previous?: boolean }[] = [
  { query: "", options: {} },
  { query: "follow=true&timestamps=1&previous=yes", options: { follow: true, timestamps: true }, previous: true },
  { query: "follow=FALSE&timestamps=0&previous=false", options: {} },
  { query: "follow", options: { follow: true } },
  { query: "tailLines=0&limitBytes=1", options: { tailLines: 0, limitBytes: 1 } },
  { query: "tail=7&tailLines=9", options: { tailLines: 7 } },
  { query: "tail=all&tailLines=9", options: {} },
  { query: "sinceSeconds=60", options: { since: { secondMs: Date.parse("2026-01-01T00:00:00Z"), nanos: 0 } } },
  { query: "sinceTime=2026-01-01T00:00:00.5Z", options: { since: parseLogTime("2026-01-01T00:00:00.5Z") } },
  { query: "sinceTime=", options: {} },
  { query: "stream=All", options: {} },
];
for (const { query, options, previous = false } of good) {
  test(`parseLogQuery() reads "${query}"`, () => {
    assert.deepEqual(parse(query), { kind: "read", previous, options: { ...plain, ...options } });
  });
}

const bad: readonly { query: string; status: 400 | 422 }[] = [
  { query: "tailLines=x", status: 400 },
  { query: "tailLines=", status: 400 },
  { query: "tail=1.5", status: 400 },
  { query: "sinceTime=yesterday", status: 400 },
  { query: "tailLines=-1", status: 422 },
  { query: "limitBytes=0", status: 422 },
  { query: "sinceSeconds=0", status: 422 },
  { query: "sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z", status: 422 },
  { query: "stream=stdout", status: 422 },
  { query: "stream=Stdout&tailLines=1", status: 422 },
  { query: "stream=Stdout", status: 400 },
];
for (const { query, status } of bad) {
  test(`parseLogQuery() answers "${query}" with ${status}`, () => {
    const parsed = parse(query);
    assert.equal(parsed.kind === "bad" && parsed.status, status);
  });
}

test("parseLogQuery() picks a stream where the gate is on", () => {
  const parsed = parse("stream=Stderr", true);
  assert.ok(parsed.kind === "read" && parsed.options.stream === "stderr");
});
