/**
 * A session at the keyboard, line by line beside the Go kubelet's: statuses, events, and what kubectl answers. Recorded by
 * `SESSION_RECORD=1 CLUSTER_KUBELET=go npm test -- cluster --file session`; with CLUSTER_KUBELET=go alone the Go kubelet is held against its own record.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { TestCluster } from "../support/cluster.ts";
import { usualKubelet } from "../support/cluster-node.ts";
import { SESSION_NODE } from "./session/case.ts";
import { CASES } from "./session/cases.ts";
import { playSession } from "./session/run.ts";

const FIXTURE = join(import.meta.dirname, "fixtures", "session.txt");
const isRecorded = process.env.SESSION_RECORD === "1" && usualKubelet() === "go";

/** Where the two differ on purpose (docs/differences.md): both as one text. */
const ON_PURPOSE: readonly (readonly [RegExp, string])[] = [
  // Of the whole pod: comes with the resize of whole pods.
  [/^ {2}(allocatedResources|resources):.*\n( {3,}.*\n)*/gm, ""],
  [/rpc error: code = NotFound desc = |image \S+ does not exist at registry \S+: /g, "CAUSE: "],
  [/(type check failed)(, | : |: )(\S+ is not a directory).*/g, "$1: $3"],
  [/(Internal error occurred: )+/g, "$1"],
];

const common = (text: string): string =>
  // With a line break at the end, for the patterns that take whole lines.
  ON_PURPOSE.reduce((result, [pattern, to]) => result.replaceAll(pattern, to), `${text.trimEnd()}\n`);

function write(played: ReadonlyMap<string, string>): void {
  mkdirSync(dirname(FIXTURE), { recursive: true });
  const sections = [...played].map(([name, text]) => `=== ${name}\n${text}\n`);
  writeFileSync(FIXTURE, sections.join("\n"));
}

function read(): ReadonlyMap<string, string> {
  const sections = readFileSync(FIXTURE, "utf8").split(/^=== /m).slice(1);
  return new Map(
    sections.map((section) => {
      const end = section.indexOf("\n");
      return [section.slice(0, end), section.slice(end + 1).trimEnd()];
    }),
  );
}

describe("a session with kubectl reads as with the Go kubelet", () => {
  let cluster: TestCluster;
  let played: ReadonlyMap<string, string>;
  let expected: ReadonlyMap<string, string>;

  before(async () => {
    cluster = await TestCluster.start({ name: SESSION_NODE });
    const kubectl = (args: readonly string[]) => cluster.tryKubectl(args);
    played = await playSession({ api: cluster.api, kubectl }, CASES);
    if (isRecorded) write(played);
    expected = read();
  });
  after(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  for (const name of Object.keys(CASES))
    test(name, () => {
      assert.equal(common(played.get(name) ?? ""), common(expected.get(name) ?? ""));
    });
});
