import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "../model/kubernetes.ts";
import { uidOf } from "../model/pod.ts";
import type { SourceUpdate } from "../sources/index.ts";
import { Wanted } from "./wanted.ts";

const podOf = (uid: string, cpu = "1"): Pod => ({
  metadata: { name: uid, namespace: "default", uid },
  spec: { containers: [{ name: "web", resources: { requests: { cpu } } }] },
});
const from = (
  source: SourceUpdate["source"],
  pods: readonly Pod[],
  more: Partial<SourceUpdate> = {},
): SourceUpdate => ({
  source,
  pods,
  rejected: [],
  warnings: [],
  complete: true,
  ...more,
});
const IDLE = { isRunning: () => false, hasEnded: () => false };
const NODE = {
  name: "n",
  labels: {},
  taints: [],
  declaredFeatures: [],
  allocatable: { cpu: 2_000, pods: 10 },
  allowedUnsafeSysctls: [],
  appArmor: false,
};
const open = (...sources: string[]) => new Wanted(sources, NODE, () => []);
const uids = (pods: readonly Pod[]) => pods.map(uidOf);

test("Wanted merges the sources, and has seen all when each spoke once", () => {
  const wanted = open("file", "http");
  wanted.update(from("file", [podOf("a")]), IDLE);
  assert.equal(wanted.allSeen, false);
  wanted.update(from("http", [podOf("b")]), IDLE);
  assert.equal(wanted.allSeen, true);
  assert.deepEqual(uids(wanted.admitted), ["a", "b"]);
  wanted.update(from("file", []), IDLE);
  assert.deepEqual(uids(wanted.admitted), ["b"]);
});

test("Wanted judges a pod once, when it first comes, and takes its newer specs in", () => {
  const wanted = open("file");
  const first = wanted.update(from("file", [podOf("a")]), IDLE);
  assert.deepEqual(
    first.decided.map(({ admission }) => admission.kind),
    ["admitted"],
  );
  const bigger = podOf("a", "64");
  assert.deepEqual(wanted.update(from("file", [bigger]), IDLE), { decided: [], dropped: [] });
  assert.equal(wanted.admitted[0], bigger);
});

test("Wanted rejects what does not fit, until it goes, also when there is room later", () => {
  const wanted = open("file");
  const both = [podOf("a"), podOf("big", "1500m")];
  wanted.update(from("file", both), IDLE);
  assert.deepEqual(uids(wanted.admitted), ["a"]);
  assert.deepEqual(wanted.update(from("file", [podOf("big", "1500m")]), IDLE), { decided: [], dropped: ["a"] });
  assert.deepEqual(wanted.admitted, []);
  assert.deepEqual(wanted.update(from("file", []), IDLE).dropped, ["big"]);
  wanted.update(from("file", [podOf("big", "1500m")]), IDLE);
  assert.deepEqual(uids(wanted.admitted), ["big"]);
});

test("Wanted judges pods that run already first: a restart of the kubelet rejects none of them", () => {
  const wanted = open("file");
  const pods = [podOf("new", "1500m"), podOf("running", "1500m")];
  wanted.update(from("file", pods), { isRunning: (uid) => uid === "running", hasEnded: () => false });
  assert.deepEqual(uids(wanted.admitted), ["running"]);
});

test("Wanted counts no pod that has ended", () => {
  const wanted = open("file");
  wanted.update(from("file", [podOf("done", "1500m")]), IDLE);
  const state = { isRunning: () => false, hasEnded: (pod: Pod) => uidOf(pod) === "done" };
  wanted.update(from("file", [podOf("done", "1500m"), podOf("next", "1500m")]), state);
  assert.deepEqual(uids(wanted.admitted), ["done", "next"]);
});

test("Wanted names the sources that could not tell all their pods, and every rejected manifest", () => {
  const wanted = open("file", "http");
  const rejected = [{ where: "bad.yaml", problems: [], keptPrevious: false }];
  wanted.update(from("file", [], { complete: false, rejected }), IDLE);
  wanted.update(from("http", []), IDLE);
  assert.deepEqual([...wanted.incomplete], ["file"]);
  assert.deepEqual(
    wanted.rejectedManifests.map(({ where }) => where),
    ["bad.yaml"],
  );
  wanted.update(from("file", []), IDLE);
  assert.deepEqual([...wanted.incomplete], []);
});

test("Wanted lets a pod stay that an earlier kubelet let in, whatever has become of the node", () => {
  const wanted = open("api");
  const elsewhere = (uid: string): Pod => ({
    ...podOf(uid),
    spec: { ...podOf(uid, "64").spec, containers: [], nodeSelector: { zone: "gone" } },
  });
  const told = { ...elsewhere("told"), status: { startTime: "2026-01-01T00:00:00Z" } };
  const pods = [elsewhere("new"), told, elsewhere("running")];
  const { decided } = wanted.update(from("api", pods), { ...IDLE, isRunning: (uid) => uid === "running" });
  assert.deepEqual(
    decided.map(({ pod, admission }) => [uidOf(pod), admission.kind]),
    [
      ["told", "admitted"],
      ["running", "admitted"],
      ["new", "rejected"],
    ],
  );
});

test("Wanted wants to know the labels anew before a pod is turned away for them", () => {
  let labels: { readonly [key: string]: string } = {};
  const wanted = new Wanted(
    ["api"],
    NODE,
    () => [],
    () => ({ metadata: { labels } }),
  );
  const pod: Pod = { ...podOf("a"), spec: { containers: [], nodeSelector: { zone: "a" } } };
  assert.equal(wanted.hangsOnLabels(from("api", [pod])), true);
  assert.equal(wanted.hangsOnLabels(from("api", [podOf("b", "64")])), false);
  labels = { zone: "a" };
  assert.equal(wanted.hangsOnLabels(from("api", [pod])), false);
  wanted.update(from("api", [pod]), IDLE);
  labels = {};
  assert.equal(wanted.hangsOnLabels(from("api", [pod])), false, "it is here");
});
