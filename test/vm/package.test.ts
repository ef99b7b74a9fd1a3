/** The Debian package on a real machine: installed, upgraded under running pods, swapped with the Go kubelet and back, removed. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { buildRelease } from "../../scripts/build.ts";
import { optionalBinary } from "../../scripts/lib/cluster/binaries.ts";
import { debContents } from "../../scripts/lib/package/contents.ts";
import { deb } from "../../scripts/lib/package/deb.ts";
import { bootVm } from "../../scripts/lib/vm/vm.ts";
import type { Pod } from "../../src/model/kubernetes.ts";
import { Scratch } from "../support/scratch.ts";
import {
  PATIENCE_MS,
  podsOf,
  putPod,
  readyPod,
  restartsOf,
  STANDALONE_CONFIG,
  stayingPod,
  stepsOf,
  tasksOf,
  unitProperty,
} from "./support.ts";

const UNIT = "kubelet-standalone";
/** The Go kubelet has no node without a cluster unless it asks no API server who may do what. */
const CONFIG = `${STANDALONE_CONFIG}authentication: { anonymous: { enabled: true }, webhook: { enabled: false } }
authorization: { mode: AlwaysAllow }
`;
const NEXT = "999.0.0";
const patient = { timeout: PATIENCE_MS };

test("the package", async (t) => {
  await using scratch = new Scratch("vm-package");
  const release = await buildRelease(process.env.KUBELET_TS_DIST);
  const next = scratch.path("next.deb");
  const kubelet = readFileSync(release.launcher);
  writeFileSync(next, await deb(debContents({ version: NEXT, kubelet, notices: "", time: new Date(0) })));
  const files = { "first.deb": release.deb, "next.deb": next, "go-kubelet": await optionalBinary("kubelet") };
  await using vm = await bootVm({ files });
  const step = stepsOf(t, vm);
  const untouched = async (before: Readonly<Record<string, number>>) => {
    assert.deepEqual(await tasksOf(vm), before, "the same containers with the same processes");
    assert.equal(restartsOf(await readyPod(vm, "web")), 0);
  };

  await step("brings the units, and starts none", async () => {
    await vm.run("dpkg --force-unsafe-io --install /share/first.deb", patient);
    assert.equal(await unitProperty(vm, "UnitFileState"), "enabled");
    assert.equal(await unitProperty(vm, "ActiveState"), "inactive");
    assert.equal(await unitProperty(vm, "UnitFileState", UNIT), "disabled");
    assert.match(
      await vm.run("systemd-analyze verify kubelet.service 2>&1; true"),
      /^(?!.*kubelet.*(Unknown|Invalid))/s,
    );
    assert.match(await vm.run("/usr/bin/kubelet --version", patient), /^Kubernetes v1\.37\./);
  });

  await step("runs the pods of a folder when told to", async () => {
    await vm.write("/etc/kubelet/config.yaml", CONFIG, "600");
    // Without a UID: both kubelets have to give it the same one.
    await putPod(vm, stayingPod("web"));
    await vm.run(`systemctl disable kubelet && systemctl enable --now ${UNIT}`, patient);
    assert.match(await vm.run("ps -eo args"), /^\/usr\/bin\/kubelet --config=\/etc\/kubelet\/config\.yaml$/m);
    assert.equal(restartsOf(await readyPod(vm, "web")), 0);
    assert.equal(Object.keys(await tasksOf(vm)).length, 2);
  });

  await step("an upgrade restarts the kubelet and no container, and keeps what was changed", async () => {
    const [before, pid] = [await tasksOf(vm), await unitProperty(vm, "MainPID", UNIT)];
    await vm.run("dpkg --force-unsafe-io --install /share/next.deb", patient);
    assert.equal(await vm.run("dpkg-query --show kubelet-ts"), `kubelet-ts\t${NEXT}\n`);
    assert.notEqual(await unitProperty(vm, "MainPID", UNIT), pid, "the new kubelet runs");
    assert.equal(await unitProperty(vm, "ActiveState", UNIT), "active");
    // Somebody who disabled the node's unit finds it disabled.
    assert.equal(await unitProperty(vm, "UnitFileState"), "disabled");
    assert.equal(await vm.read("/etc/kubelet/config.yaml"), CONFIG);
    await untouched(before);
  });

  await step("the Go kubelet takes the pods over, and gives them back", async () => {
    const before = await tasksOf(vm);
    const dropIn = `/run/systemd/system/${UNIT}.service.d/go.conf`;
    await vm.write(dropIn, "[Service]\nExecStart=\nExecStart=/share/go-kubelet --config=/etc/kubelet/config.yaml\n");
    await vm.run(`systemctl daemon-reload && systemctl restart ${UNIT}`, patient);
    const ready =
      'curl -sk --max-time 20 https://127.0.0.1:10250/pods | grep -q \'"type":"Ready",[^}]*"status":"True"\'';
    await vm.until("the Go kubelet to find the pod ready", ready, PATIENCE_MS);
    const pods = JSON.parse(await vm.run("curl -sk https://127.0.0.1:10250/pods")).items as readonly Pod[];
    assert.deepEqual(
      pods.map(({ metadata }) => metadata?.name),
      ["web-vm"],
    );
    assert.deepEqual(pods.map(restartsOf), [0]);
    assert.deepEqual(await tasksOf(vm), before, "the same containers with the same processes");
    assert.match(await vm.run("ps -eo args"), /^\/share\/go-kubelet /m);

    await vm.run(`rm ${dropIn} && systemctl daemon-reload && systemctl restart ${UNIT}`, patient);
    await untouched(before);
    assert.equal((await podsOf(vm)).length, 1);
  });

  await step("its removal stops the kubelet and no container", async () => {
    const before = await tasksOf(vm);
    await vm.run("dpkg --remove kubelet-ts", patient);
    assert.equal(
      await vm.run("ls -d /usr/bin/kubelet /usr/lib/systemd/system/kubelet* 2>/dev/null; pgrep -x kubelet; true"),
      "",
    );
    assert.deepEqual(await tasksOf(vm), before);
  });
});
