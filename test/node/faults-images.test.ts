/** Images that cannot be had: the pod says why in plain words, tries again, and holds up nobody else. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { busyboxImage } from "../../scripts/lib/images.ts";
import { basic, Registry } from "../../scripts/lib/registry.ts";
import { waitFor } from "../../scripts/lib/wait.ts";
import type { Pod } from "../../src/model/kubernetes.ts";
import { containerIds, containerOf, isReady, STAY, shellPod, TestNode } from "../support/kubelet.ts";
import { SlowProxy } from "../support/slow-proxy.ts";

const waiting = (pod: Pod) => containerOf(pod)?.state?.waiting;
const isBackingOff = (pod: Pod) => waiting(pod)?.reason === "ImagePullBackOff";

describe("images that cannot be had", { timeout: 540_000 }, () => {
  let node: TestNode;
  let calm: Readonly<Record<string, string>>;

  before(async () => {
    node = await TestNode.start({ runtime: "embedded", config: { serializeImagePulls: false } });
    node.put(shellPod("calm", STAY));
    calm = containerIds(await node.waitReady("calm"));
  });
  after(async () => await node?.[Symbol.asyncDispose]());

  async function calmRuns(): Promise<void> {
    const pod = await node.pod("calm");
    assert.ok(pod && isReady(pod));
    assert.deepEqual(containerIds(pod), calm);
  }

  /** The pod waits, and its status, an event and the log say why. */
  async function failsToPull(name: string, says: RegExp): Promise<void> {
    const pod = await node.waitFor(name, isBackingOff);
    assert.match(waiting(pod)?.message ?? "", says);
    assert.equal(pod.status?.phase, "Pending");
    const events = (await node.events()).filter(({ about }) => "name" in about && about.name === `${name}-node`);
    assert.ok(
      events.some(
        ({ reason, message }) => reason === "Failed" && /Failed to pull image/.test(message) && says.test(message),
      ),
    );
    assert.match(node.log(), new RegExp(`object="default/${name}-node[^\\n]*Failed to pull image`));
    assert.match((await node.verb("get", "pods")).stdout, new RegExp(`${name}-node +0/1 +ImagePullBackOff`));
    await calmRuns();
  }

  test("an image that does not exist", async () => {
    node.put(shellPod("none", STAY, { image: "registry.local/none:1" }));
    await failsToPull("none", /image registry\.local\/none:1 does not exist at registry registry\.local/);
    node.remove("none");
    await node.waitGone("none");
  });

  test("a reference that is none", async () => {
    node.put(shellPod("bad", STAY, { image: "registry.local/UP:1" }));
    const pod = await node.waitFor("bad", (one) => waiting(one)?.reason === "InvalidImageName");
    assert.match(waiting(pod)?.message ?? "", /"registry\.local\/UP:1".*must be lowercase/);
    node.remove("bad");
  });

  test("an image that must not be pulled", async () => {
    node.put(shellPod("never", STAY, { image: "registry.local/never:1", imagePullPolicy: "Never" }));
    const pod = await node.waitFor("never", (one) => waiting(one)?.reason === "ErrImageNeverPull");
    assert.match(waiting(pod)?.message ?? "", /registry\.local\/never:1.*is not present/);
    node.remove("never");
  });

  test("a registry that is down, and comes back", async () => {
    await using registry = await Registry.start({ folder: node.scratch.path("down") });
    await registry.push("late", "1", await busyboxImage());
    await registry.stop();
    node.put(shellPod("late", STAY, { image: `${registry.address}/late:1` }));
    await failsToPull("late", new RegExp(`registry ${registry.address} can't be reached: .*connection refused`));
    await registry.start();
    // Within the first back-off, 10 s.
    await node.waitReady("late");
    node.remove("late");
    await calmRuns();
  });

  test("a registry that is slow is waited for, one that is silent is let go with its pod", async () => {
    await using registry = await Registry.start({ folder: node.scratch.path("slow") });
    const extra = { kind: "file", path: "big", content: randomBytes(4 << 20) } as const;
    await registry.push("slow", "1", await busyboxImage({}, [extra]));
    await using proxy = await SlowProxy.start(registry.address);
    proxy.weather = { kind: "silent" };
    node.put(shellPod("silent", STAY, { image: `${proxy.address}/slow:1` }));
    await node.waitFor("silent", (pod) => waiting(pod)?.reason === "ContainerCreating");
    const isPulling = async () =>
      /silent[\s\S]*Pulling image/.test((await node.verb("describe", "pod", "silent")).stdout);
    await waitFor("describe to say what the pod waits for", isPulling);
    await calmRuns();
    // The registry never answers: a pod whose end waited for it would stay.
    node.remove("silent");
    await node.waitGone("silent", 30_000);
    proxy.weather = { kind: "slow", delay: 300 };
    node.put(shellPod("slow", STAY, { image: `${proxy.address}/slow:1` }));
    await node.waitReady("slow");
    node.remove("slow");
    await calmRuns();
  });

  test("a registry that wants credentials: none, wrong, broken, and right ones in the node's docker file", async () => {
    const credentials = { user: "anna", password: "s3cret-word" };
    await using registry = await Registry.start({ folder: node.scratch.path("locked"), credentials });
    await registry.push("locked", "1", await busyboxImage());
    const file = join(node.root, "config.json");
    const auth = (password: string) => basic({ user: credentials.user, password });
    const says = new RegExp(`registry ${registry.address} wants other credentials than this node has`);
    const tries: readonly (readonly [name: string, content: string | undefined])[] = [
      ["nobody", undefined],
      ["wrong", JSON.stringify({ auths: { [registry.address]: { auth: auth("wr0ng-word") } } })],
      ["broken", '{"auths": {'],
    ];
    for (const [name, content] of tries) {
      if (content !== undefined) writeFileSync(file, content, { mode: 0o600 });
      node.put(shellPod(name, STAY, { image: `${registry.address}/locked:1` }));
      await failsToPull(name, says);
      node.remove(name);
    }
    assert.match(node.log(), new RegExp(`"Cannot use registry credentials file" path="${file}" err="[^\\n]+"`));
    writeFileSync(file, JSON.stringify({ auths: { [registry.address]: { auth: auth(credentials.password) } } }));
    node.put(shellPod("right", STAY, { image: `${registry.address}/locked:1` }));
    await node.waitReady("right");
    for (const secret of ["s3cret-word", "wr0ng-word", auth("wr0ng-word"), auth(credentials.password)])
      assert.ok(!node.log().includes(secret), "a password in the log");
    rmSync(file);
    node.remove("right");
    await calmRuns();
  });
});
