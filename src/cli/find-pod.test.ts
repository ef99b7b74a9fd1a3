import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "../model/kubernetes.ts";
import { findContainer, findPod } from "./find-pod.ts";

const pod = (name: string, namespace: string, uid: string): Pod => ({ metadata: { name, namespace, uid } });
const found = (pods: readonly Pod[], name: string) =>
  findPod(pods, { name, namespace: undefined, nodeName: "n1" }).metadata?.uid;

test("findPod() takes the later of two with one name: the earlier is a version that is being stopped", () => {
  const pods = [pod("web-n1", "default", "old"), pod("db-n1", "default", "db"), pod("web-n1", "default", "new")];
  assert.deepEqual([found(pods, "web-n1"), found(pods, "web")], ["new", "new"]);
  assert.throws(
    () => found([...pods, pod("web-n1", "other", "x")], "web"),
    /one in each of default, other; choose by -n/,
  );
});

test("findContainer() finds debug containers, too, and takes none of them unasked", () => {
  const { metadata } = pod("web", "default", "u");
  const spec = { containers: [{ name: "main" }], ephemeralContainers: [{ name: "debugger-x" }] };
  assert.equal(findContainer({ metadata, spec }, "debugger-x"), "debugger-x");
  assert.equal(findContainer({ metadata, spec }, undefined), "main");
});
