/** Manifests that change while their pods run. */
import assert from "node:assert/strict";
import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { busyboxImage } from "../../scripts/lib/images.ts";
import { waitFor } from "../../scripts/lib/wait.ts";
import { containerIds, containerOf, IMAGE, isReady, STAY, shellPod, TestNode } from "../support/kubelet.ts";

const never = new AbortController().signal;
const OTHER_IMAGE = "registry.local/busybox:2";

describe("a node whose manifests change", { concurrency: true }, () => {
  let node: TestNode;
  before(async () => {
    node = await TestNode.start({ runtime: "embedded" });
    await node.registry.push("busybox", "2", await busyboxImage({ Labels: { build: "2" } }));
  });
  after(async () => await node?.[Symbol.asyncDispose]());

  const two = (image: string) =>
    shellPod(
      "partly",
      "",
      {},
      {
        containers: [
          { name: "same", image: IMAGE, command: ["sh", "-c", STAY] },
          { name: "changed", image, command: ["sh", "-c", STAY] },
        ],
      },
      { uid: "fixed-uid-1" },
    );

  test("restarts only the container whose image changed, when the pod keeps its UID", async () => {
    node.put(two(IMAGE));
    const old = containerIds(await node.waitReady("partly"));
    node.put(two(OTHER_IMAGE));
    const pod = await node.waitFor("partly", (one) => isReady(one) && containerIds(one).changed !== old.changed);
    assert.equal(containerIds(pod).same, old.same);
    assert.deepEqual([containerOf(pod, "same")?.restartCount, containerOf(pod, "changed")?.restartCount], [0, 1]);
    assert.equal(containerOf(pod, "changed")?.image, OTHER_IMAGE);
    assert.equal((await node.cri.runtime.listSandboxes("fixed-uid-1", never)).length, 1);
  });

  test("replaces the pod when its manifest changes otherwise, the old one first ended", async () => {
    const mark = node.scratch.path("turns");
    const turn = (text: string) =>
      shellPod(
        "turn",
        // The trap first: PID 1 of a container does not notice a TERM that comes before.
        `trap 'sleep 1; echo ${text}-down >>/v/turns; exit 0' TERM; echo ${text}-up >>/v/turns; while :; do sleep 1000 & wait $!; done`,
        {
          volumeMounts: [{ name: "v", mountPath: "/v" }],
        },
        {
          terminationGracePeriodSeconds: 30,
          volumes: [{ name: "v", hostPath: { path: node.scratch.folder } }],
        },
      );
    node.put(turn("one"));
    const old = await node.waitReady("turn");
    await waitFor("the first to come up", () => existsSync(mark));
    node.put(turn("two"));
    const pod = await node.waitFor("turn", (one) => isReady(one) && one.metadata?.uid !== old.metadata?.uid);
    assert.equal(containerOf(pod)?.restartCount, 0);
    await node.exec("turn", "until grep -q two-up /v/turns; do sleep 0.1; done");
    assert.equal(await node.exec("turn", "cat /v/turns"), "one-up\none-down\ntwo-up\n");
    await waitFor(
      "the old pod to be gone",
      async () =>
        (await node.cri.runtime.listSandboxes(old.metadata?.uid, never)).length === 0 &&
        !existsSync(join(node.root, "pods", old.metadata?.uid ?? "")),
    );
  });

  test("follows a file that is renamed, with one pod at the end", async () => {
    node.put(shellPod("moved", STAY));
    await node.waitReady("moved");
    renameSync(join(node.manifests, "moved.json"), join(node.manifests, "moved-elsewhere.json"));
    await node.waitFor("moved", isReady);
    // A new path makes a new UID, as upstream's: the pod of the old one has to go.
    const one = await waitFor("one pod of that name, running", async () => {
      const pods = (await node.pods()).filter(({ metadata }) => metadata?.name === "moved-node");
      const running = (await node.cri.runtime.listSandboxes(undefined, never)).filter(
        ({ metadata }) => metadata.name === "moved-node",
      );
      return pods.length === 1 &&
        running.length === 1 &&
        pods[0] &&
        isReady(pods[0]) &&
        pods[0].metadata?.uid === running[0]?.metadata.uid
        ? pods[0]
        : undefined;
    });
    assert.equal(containerOf(one)?.restartCount, 0);
    node.remove("moved-elsewhere");
    await node.waitGone("moved");
  });

  test("reads YAML and JSON, passes over half-written files, and keeps the last good version of one that breaks", async () => {
    const yaml = (line: string) =>
      `apiVersion: v1\nkind: Pod\nmetadata: {name: yaml}\nspec:\n  containers:\n  - name: main\n    image: ${IMAGE}\n    command: [sh, -c, "${line}"]\n`;
    const path = join(node.manifests, "yaml.yaml");
    const whole = yaml(STAY);
    writeFileSync(path, whole.slice(0, 60));
    await waitFor("the half to be told of", async () =>
      (await node.rejectedManifests()).some(({ source }) => source.includes("yaml.yaml")),
    );
    appendFileSync(path, whole.slice(60));
    const pod = await node.waitReady("yaml");
    await waitFor("the complaint to go", async () =>
      (await node.rejectedManifests()).every(({ source }) => !source.includes("yaml.yaml")),
    );
    writeFileSync(path, whole.replace("containers:", "containres:"));
    await waitFor("the broken version to be told of", async () =>
      (await node.rejectedManifests()).some(
        ({ source, problems }) =>
          source.includes("yaml.yaml") && problems.some(({ field }) => field.includes("containres")),
      ),
    );
    assert.deepEqual(containerIds((await node.pod("yaml")) ?? assert.fail()), containerIds(pod));
    rmSync(path);
    await node.waitGone("yaml");
  });

  test("starts sidecars before and stops them after the others", async () => {
    const say = (name: string) =>
      `trap 'echo ${name}-down >>/v/order; exit 0' TERM; echo ${name}-up >>/v/order; while :; do sleep 1000 & wait $!; done`;
    const one = (name: string) => ({
      name,
      image: IMAGE,
      command: ["sh", "-c", say(name)],
      volumeMounts: [{ name: "v", mountPath: "/v" }],
    });
    node.put(
      shellPod(
        "sidecars",
        "",
        {},
        {
          // All three end one after another within it.
          terminationGracePeriodSeconds: 30,
          initContainers: ["first", "second"].map((name) => ({ ...one(name), restartPolicy: "Always" })),
          containers: [one("main")],
          volumes: [{ name: "v", hostPath: { path: node.scratch.path("sidecars"), type: "DirectoryOrCreate" } }],
        },
      ),
    );
    await node.waitReady("sidecars");
    await node.exec("sidecars", "until [ $(wc -l </v/order) = 3 ]; do sleep 0.1; done");
    assert.deepEqual((await node.exec("sidecars", "cat /v/order")).split("\n").slice(0, 3).sort(), [
      "first-up",
      "main-up",
      "second-up",
    ]);
    node.remove("sidecars");
    await node.waitGone("sidecars");
    const order = readFileSync(node.scratch.path("sidecars/order"), "utf8").trim().split("\n");
    assert.deepEqual(order.slice(3), ["main-down", "second-down", "first-down"]);
  });

  test("removes a pod that is still trying to start", async () => {
    node.put(shellPod("never", STAY, { image: "registry.local/absent:1" }));
    await node.waitFor("never", (pod) => containerOf(pod)?.state?.waiting?.reason === "ImagePullBackOff");
    node.remove("never");
    await node.waitGone("never");
  });
});
