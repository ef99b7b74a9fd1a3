import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { bridgesOf, runtimePaths } from "./paths.ts";
import { PodNetwork } from "./pod-network.ts";

const folder = mkdtempSync(join(tmpdir(), "pod-network-"));
after(() => rmSync(folder, { recursive: true }));

let count = 0;
function fresh() {
  const root = join(folder, `${++count}`);
  const paths = runtimePaths(root);
  mkdirSync(paths.cniConf, { recursive: true });
  const file = join(paths.cniConf, "10-kubelet.conflist");
  return { root, file, network: new PodNetwork(root, paths), conf: paths.cniConf };
}
const bridgeOf = (file: string): string => JSON.parse(readFileSync(file, "utf8")).plugins[0].bridge;

test("PodNetwork has no range before one is told, and writes it as a whole", async () => {
  const { root, file, network, conf } = fresh();
  assert.equal(await network.current(), undefined);
  await network.use("10.244.1.0/24,fd00:1::/64");
  assert.equal(await network.current(), "10.244.1.0/24,fd00:1::/64");
  assert.equal(bridgeOf(file), bridgesOf(root)[0]);
  assert.deepEqual(readdirSync(conf), ["10-kubelet.conflist"]);
});

test("PodNetwork does not touch what says the same", async () => {
  const { file, network } = fresh();
  await network.use("10.244.1.0/24");
  const before = statSync(file).ino;
  await network.use("10.244.1.0/24");
  assert.equal(statSync(file).ino, before);
});

test("PodNetwork gives each new range another bridge, and keeps it", async () => {
  const { root, file, network } = fresh();
  const [first, second, third] = bridgesOf(root);
  const seen: string[] = [];
  for (const range of ["10.1.0.0/24", "10.2.0.0/24", "10.2.0.0/24", "10.3.0.0/24"]) {
    await network.use(range);
    seen.push(bridgeOf(file));
  }
  assert.deepEqual(seen, [first, second, second, third]);
  for (let range = 4; range <= 11; range++) await network.use(`10.${range}.0.0/24`);
  assert.equal(bridgeOf(file), first, "names come round");
});

test("PodNetwork writes over what it can't read", async () => {
  const { root, file, network } = fresh();
  writeFileSync(file, "{ torn");
  assert.equal(await network.current(), undefined);
  await network.use("10.244.1.0/24");
  assert.equal(bridgeOf(file), bridgesOf(root)[0]);
});

for (const range of ["", "10.0.0.0", "10.0.0.0/33", "fd00::/129", "10.0.0.0/24,", "$(reboot)/24"])
  test(`PodNetwork refuses "${range}"`, async () => {
    await assert.rejects(fresh().network.use(range), (error) => isFault(error, "network-not-ready"));
  });

test("names of bridges fit an interface", () => {
  for (const root of ["/var/lib/kubelet", "/tmp/a/very/long/root"]) {
    const names = bridgesOf(root);
    assert.equal(new Set(names).size, 10);
    for (const name of names) assert.ok(name.length <= 15, name);
  }
  assert.deepEqual(bridgesOf("/var/lib/kubelet").slice(0, 2), ["kubelet0", "kubelet1"]);
});
