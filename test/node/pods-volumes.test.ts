/** Volumes as containers see them. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { listMounts } from "../../scripts/lib/machine.ts";
import { containerOf, IMAGE, STAY, shellPod, TestNode } from "../support/kubelet.ts";

describe("a node with volumes", { concurrency: true }, () => {
  let node: TestNode;
  before(async () => {
    node = await TestNode.start({ runtime: "embedded" });
  });
  after(async () => await node?.[Symbol.asyncDispose]());

  test("shares emptyDir volumes among containers, on disk and in memory, and removes them with the pod", async () => {
    const mounts = [
      { name: "disk", mountPath: "/disk" },
      { name: "memory", mountPath: "/memory" },
    ];
    const one = (name: string, line: string) => ({
      name,
      image: IMAGE,
      command: ["sh", "-c", `${line}; ${STAY}`],
      volumeMounts: mounts,
    });
    node.put(
      shellPod(
        "empty",
        "",
        {},
        {
          containers: [one("writer", "echo written >/disk/a; echo kept >/memory/b"), one("reader", "echo up")],
          volumes: [
            { name: "disk", emptyDir: {} },
            { name: "memory", emptyDir: { medium: "Memory", sizeLimit: "4Mi" } },
          ],
        },
      ),
    );
    const pod = await node.waitReady("empty");
    const look =
      "until [ -e /disk/a ] && [ -e /memory/b ]; do sleep 0.1; done; cat /disk/a /memory/b; stat -c %a /disk /memory";
    // The mode of a tmpfs is the kernel's own; as upstream's.
    assert.equal(await node.exec("empty", look, "reader"), "written\nkept\n777\n1777\n");
    const mount = await node.exec("empty", "grep ' /memory ' /proc/mounts", "reader");
    assert.match(mount, /^tmpfs \/memory tmpfs rw.*size=4096k/);
    const folder = join(node.root, "pods", pod.metadata?.uid ?? "");
    const at = (kind: string) => join(folder, `volumes/kubernetes.io~empty-dir/${kind}`);
    assert.equal(readFileSync(join(at("disk"), "a"), "utf8"), "written\n");
    assert.ok(listMounts().some(({ target, type }) => target === at("memory") && type === "tmpfs"));
    node.remove("empty");
    await node.waitGone("empty");
    assert.equal(existsSync(folder), false);
    assert.ok(!listMounts().some(({ target }) => target.startsWith(folder)));
  });

  test("keeps an emptyDir over a container's restart", async () => {
    const volumes = { volumes: [{ name: "v", emptyDir: {} }] };
    const line = `echo run >>/v/runs; [ $(wc -l </v/runs) -gt 1 ] || exit 1; echo up; ${STAY}`;
    node.put(shellPod("kept", line, { volumeMounts: [{ name: "v", mountPath: "/v" }] }, volumes));
    await node.waitFor("kept", (pod) => containerOf(pod)?.restartCount === 1 && containerOf(pod)?.ready === true);
    // Running is ready, also before the shell has done anything.
    await node.waitLog("kept", /up/);
    assert.equal(await node.exec("kept", "cat /v/runs"), "run\nrun\n");
  });

  test("mounts host paths, read-only where asked, and parts of volumes", async () => {
    const host = node.scratch.path("host");
    mkdirSync(join(host, "inner"), { recursive: true });
    writeFileSync(join(host, "file"), "of the host\n");
    writeFileSync(join(host, "inner/deep"), "deep\n");
    node.put(
      shellPod(
        "host",
        STAY,
        {
          env: [{ name: "PART", value: "inner" }],
          volumeMounts: [
            { name: "host", mountPath: "/rw" },
            { name: "host", mountPath: "/ro", readOnly: true },
            { name: "host", mountPath: "/part", subPath: "inner" },
            { name: "host", mountPath: "/one/file", subPath: "file", readOnly: true },
            { name: "host", mountPath: "/named", subPathExpr: "$(PART)" },
            { name: "made", mountPath: "/made" },
            { name: "empty", mountPath: "/fresh", subPath: "not/there/yet" },
          ],
        },
        {
          volumes: [
            { name: "host", hostPath: { path: host, type: "Directory" } },
            { name: "made", hostPath: { path: join(host, "made"), type: "DirectoryOrCreate" } },
            { name: "empty", emptyDir: {} },
          ],
        },
      ),
    );
    await node.waitReady("host");
    assert.equal(
      await node.exec("host", "cat /ro/file /one/file /part/deep /named/deep"),
      "of the host\nof the host\ndeep\ndeep\n",
    );
    assert.equal(await node.exec("host", "echo back >/rw/answer; echo x >/made/y; touch /fresh/z; ls /fresh"), "z\n");
    assert.equal(readFileSync(join(host, "answer"), "utf8"), "back\n");
    assert.equal(readFileSync(join(host, "made/y"), "utf8"), "x\n");
    await assert.rejects(node.exec("host", "echo x >/ro/no"), /Read-only file system/);
    await assert.rejects(node.exec("host", "echo x >/one/file"), /Read-only file system/);
    node.remove("host");
    await node.waitGone("host");
    assert.equal(readFileSync(join(host, "inner/deep"), "utf8"), "deep\n", "the host's files stay");
  });

  test("lets no subPath lead out of its volume", async () => {
    const host = node.scratch.path("trap");
    mkdirSync(host);
    symlinkSync("/etc", join(host, "out"));
    node.put(
      shellPod(
        "out",
        STAY,
        { volumeMounts: [{ name: "v", mountPath: "/v", subPath: "out" }] },
        {
          volumes: [{ name: "v", hostPath: { path: host } }],
        },
      ),
    );
    const pod = await node.waitFor(
      "out",
      (one) => containerOf(one)?.state?.waiting?.reason === "CreateContainerConfigError",
    );
    assert.match(containerOf(pod)?.state?.waiting?.message ?? "", /subPath|out/);
  });

  test("waits for a host path that must exist, and starts when it does", async () => {
    const path = node.scratch.path("late");
    node.put(
      shellPod(
        "late",
        STAY,
        { volumeMounts: [{ name: "v", mountPath: "/v" }] },
        {
          volumes: [{ name: "v", hostPath: { path, type: "Directory" } }],
        },
      ),
    );
    await node.waitFor("late", ({ status }) => status?.phase === "Pending");
    const described = async () => (await node.verb("describe", "pod", "late")).stdout;
    await node.waitEvent("late", "FailedMount", /late/);
    assert.match(await described(), /late/);
    mkdirSync(path);
    await node.waitReady("late");
  });
});
