import assert from "node:assert/strict";
import { fstatSync } from "node:fs";
import { test } from "node:test";
import type { Log } from "../../base/log.ts";
import { isJournal, withPriority } from "./journal.ts";
import { createLog, type LogOptions } from "./log.ts";

function lines(options: Partial<LogOptions>, use: (log: Log) => void): readonly string[] {
  const written: string[] = [];
  const now = () => new Date(2026, 10, 24, 18, 0, 1, 23);
  use(createLog({ format: "text", verbosity: 2, write: (line) => written.push(line), now, pid: 4711, ...options }));
  return written;
}

test("text lines are klog's, the component in place of file and line", () => {
  const written = lines({}, (log) => {
    log.info("Pod is running", {
      pod: "default/web",
      count: 3,
      ready: true,
      err: new Error('bad "thing"'),
      ids: ["a"],
    });
    log.with({ component: "sources", source: "file" }).error("Failed to read");
  });
  assert.deepEqual(written, [
    'I1124 18:00:01.023000    4711 kubelet] "Pod is running" pod="default/web" count=3 ready=true err="bad \\"thing\\"" ids=["a"]\n',
    'E1124 18:00:01.023000    4711 sources] "Failed to read" source="file"\n',
  ]);
});

test("JSON lines are klog's", () => {
  const [info, error] = lines({ format: "json" }, (log) => {
    log.debug(2, "Detail", { pod: "a/b" });
    log.error("Failed", { err: new Error("why") });
  }).map((line) => JSON.parse(line));
  assert.deepEqual(info, { ts: info.ts, caller: "kubelet", msg: "Detail", v: 2, pod: "a/b" });
  assert.deepEqual(error, { ts: info.ts, caller: "kubelet", msg: "Failed", err: "why" });
});

test("one line stays one line, whatever a value holds", () => {
  const loop: { self?: unknown } = {};
  loop.self = loop;
  const written = lines({}, (log) => log.info("a\nb", { text: "x\ny", loop, big: 1n, nothing: undefined }));
  assert.equal(written.join("").split("\n").length, 2);
});

test("debug lines show by verbosity, and by vmodule for one component", () => {
  const vmodule = [{ pattern: "sour*", verbosity: 5 }];
  const written = lines({ vmodule }, (log) => {
    log.debug(2, "shown");
    log.debug(3, "hidden");
    log.with({ component: "sources" }).debug(5, "shown too");
  });
  assert.equal(written.length, 2);
});

test("for the journal each line begins with its priority", () => {
  const written = lines({ journal: true }, (log) => {
    log.info("Fine");
    log.warn("Odd");
    log.error("Bad", { text: "x\ny" });
  });
  assert.deepEqual(
    written.map((line) => line.slice(0, 4)),
    ["<6>I", "<4>W", "<3>E"],
  );
  assert.equal(withPriority("kubelet: no\n  at a\n\n  at b\n", "E"), "<3>kubelet: no\n<3>  at a\n\n<3>  at b\n");
});

test("standard error is the journal's only while it is the very stream that systemd opened", () => {
  const { dev, ino } = fstatSync(1, { bigint: true });
  const cases: readonly (readonly [value: string | undefined, is: boolean])[] = [
    [`${dev}:${ino}`, true],
    [`${dev}:${ino + 1n}`, false],
    [`${dev}`, false],
    ["", false],
    [undefined, false],
  ];
  for (const [value, is] of cases) assert.equal(isJournal({ JOURNAL_STREAM: value }, 1), is, `${value}`);
  assert.equal(isJournal({ JOURNAL_STREAM: `${dev}:${ino}` }, 9999), false);
});
