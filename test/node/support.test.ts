/** The real parts that the other tests stand on: each starts, does its one thing, and leaves nothing. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { busyboxImage } from "../../scripts/lib/images.ts";
import { leaks, machineState } from "../../scripts/lib/leaks.ts";
import { enterOwnNetwork } from "../../scripts/lib/own-network.ts";
import { basic, Registry } from "../../scripts/lib/registry.ts";
import { CgroupRoot } from "../support/cgroups.ts";
import { Containerd, RELEASES, SANDBOX_IMAGE } from "../support/containerd.ts";
import { Scratch } from "../support/scratch.ts";
import { SlowProxy } from "../support/slow-proxy.ts";

await enterOwnNetwork();

describe("real parts", () => {
  for (const release of RELEASES) {
    test(`containerd ${release} pulls an image from the registry, runs it in a cgroup of ours and leaves nothing`, async () => {
      const before = machineState();
      let names: string[];
      {
        await using scratch = new Scratch("support");
        await using cgroup = new CgroupRoot(scratch.name);
        names = [scratch.name];
        await using registry = await Registry.start({ folder: scratch.path("registry") });
        const digest = await registry.push("busybox", "1", await busyboxImage());
        await using containerd = await Containerd.start({
          release,
          folder: scratch.path("c"),
          registries: { "registry.local": registry.address },
          podCidr: "10.88.0.0/24",
        });
        await containerd.pull("registry.local/busybox:1");
        const images = await containerd.ctr("images", "ls");
        assert.match(images, new RegExp(`registry.local/busybox:1 .*${digest}`));
        assert.ok(images.includes(SANDBOX_IMAGE));

        // Left running on purpose: what the daemon started must go with it.
        await containerd.ctr(
          "run",
          "-d",
          "--cgroup",
          `${cgroup.path}/one`,
          "registry.local/busybox:1",
          "one",
          "sleep",
          "1000",
        );
        await containerd.kill();
        await containerd.start();
        assert.match(await containerd.ctr("tasks", "ls"), /one +\d+ +RUNNING/);
        assert.notDeepEqual(leaks(before, machineState(), names), []);
      }
      assert.deepEqual(leaks(before, machineState(), names), []);
    });
  }

  test("registry asks for credentials, and keeps address and images over a restart", async () => {
    await using scratch = new Scratch("support");
    const credentials = { user: "reader", password: "secret" };
    await using registry = await Registry.start({ folder: scratch.path("registry"), credentials });
    await registry.push("busybox", "1", await busyboxImage());
    const url = `http://${registry.address}/v2/busybox/manifests/1`;
    assert.equal((await fetch(url)).status, 401);
    await registry.stop();
    await assert.rejects(fetch(url));
    await registry.start();
    const accept = "application/vnd.oci.image.manifest.v1+json";
    assert.equal((await fetch(url, { headers: { accept, authorization: `Basic ${basic(credentials)}` } })).status, 200);
  });

  test("slow proxy delays, swallows and cuts", async () => {
    await using scratch = new Scratch("support");
    await using registry = await Registry.start({ folder: scratch.path("registry") });
    await using proxy = await SlowProxy.start(registry.address);
    // A connection of its own each time: the weather is looked at when one is made, too.
    const ask = (timeout: number) =>
      fetch(`http://${proxy.address}/v2/`, { headers: { connection: "close" }, signal: AbortSignal.timeout(timeout) });
    assert.equal((await ask(60_000)).status, 200);
    proxy.weather = { kind: "slow", delay: 300 };
    const started = performance.now();
    assert.equal((await ask(60_000)).status, 200);
    assert.ok(performance.now() - started >= 300);
    proxy.weather = { kind: "silent" };
    await assert.rejects(ask(200), { name: "TimeoutError" });
    proxy.weather = { kind: "broken" };
    await assert.rejects(ask(60_000), { name: "TypeError" });
  });
});
