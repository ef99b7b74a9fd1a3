/** `kubelet install` and `uninstall` of the single file on a real systemd, and what the service does there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bootVm } from "../../scripts/lib/vm/vm.ts";
import {
  kubeletFile,
  PATIENCE_MS,
  PODS,
  putPod,
  readyPod,
  restartsOf,
  STANDALONE_CONFIG,
  stayingPod,
  stepsOf,
  tasksOf,
  unitProperty,
} from "./support.ts";

/** What an installation may leave on the machine. */
const TRACES =
  "ls -d /usr/local/bin/kubelet* /etc/systemd/system/kubelet* /etc/kubelet/pods /var/lib/kubelet* /etc/systemd/system/*/kubelet* 2>/dev/null; true";

test("the single file as a service", async (t) => {
  await using vm = await bootVm({ files: { kubelet: await kubeletFile() } });
  const step = stepsOf(t, vm);
  const patient = { timeout: PATIENCE_MS };
  await vm.write("/etc/kubelet/config.yaml", STANDALONE_CONFIG, "600");

  await step("a bad flag is refused by name, and nothing is left", async () => {
    const { code, stderr } = await vm.tryRun("/share/kubelet install -- --no-such-flag=1", patient);
    assert.notEqual(code, 0);
    assert.match(stderr, /no-such-flag/);
    assert.equal(await vm.run(TRACES), "");
  });

  await step("a /usr that can't be written is refused, and nothing is left", async () => {
    await vm.run("mount --bind /usr /usr && mount -o remount,ro,bind /usr");
    const { code, stderr } = await vm.tryRun("/share/kubelet install --standalone", patient);
    // The file system is busy, as it would be on any machine.
    await vm.run("umount -l /usr");
    assert.notEqual(code, 0);
    assert.match(stderr, /\/usr\/local\/bin\/kubelet can't be written.*--bin-dir/);
    assert.equal(await vm.run(TRACES), "");
  });

  await step("install starts the service, with the configuration that is there", async () => {
    const said = await vm.run("/share/kubelet install --standalone", patient);
    assert.match(said, /kept \/etc\/kubelet\/config\.yaml/);
    assert.equal(await unitProperty(vm, "ActiveState"), "active");
    assert.equal(await unitProperty(vm, "UnitFileState"), "enabled");
    const processes = await vm.run("ps -eo args | grep '[/]usr/local/bin/kubelet'");
    assert.match(processes, /^\/usr\/local\/bin\/kubelet --config=\/etc\/kubelet\/config\.yaml$/m);
    assert.match(await vm.run("systemctl status --no-pager kubelet"), /Status: "0 pods/);
  });

  await step("a static pod runs on the machine's containerd", async () => {
    await putPod(vm, stayingPod("web"));
    assert.equal(restartsOf(await readyPod(vm, "web")), 0);
  });

  await step("journald has the levels", async () => {
    await vm.run(`echo '{"kind": "Pod", "metadata": {"name": "Bad Name"}}' > ${PODS}/bad.json`);
    const read = "journalctl --no-pager -o cat -u kubelet";
    const warnings = await vm.until("the warning about a bad manifest", `${read} -p warning | grep bad.json`);
    assert.match(warnings, /^[WE]\d{4} /m);
    assert.doesNotMatch(await vm.run(`${read} -p warning`), /^I\d{4} /m);
    assert.match(await vm.run(`${read} -p info`), /^I\d{4} /m);
    await vm.run(`rm ${PODS}/bad.json`);
  });

  await step("stop leaves containers running, and start takes them over", async () => {
    const before = await tasksOf(vm);
    assert.equal(Object.keys(before).length, 2, "a sandbox and a container run");
    await vm.run("systemctl stop kubelet", patient);
    assert.deepEqual(await tasksOf(vm), before);
    assert.equal(await unitProperty(vm, "Result"), "success");
    await vm.run("systemctl start kubelet", patient);
    assert.equal(restartsOf(await readyPod(vm, "web")), 0);
    assert.deepEqual(await tasksOf(vm), before);
  });

  await step("a kubelet that hangs is restarted by the watchdog, and its containers run on", async () => {
    const before = await tasksOf(vm);
    // The unit's 60 s would only be longer.
    await vm.write("/run/systemd/system/kubelet.service.d/watchdog.conf", "[Service]\nWatchdogSec=20\nRestartSec=1\n");
    await vm.run("systemctl daemon-reload && systemctl restart kubelet", patient);
    const pid = await unitProperty(vm, "MainPID");
    assert.equal(await unitProperty(vm, "NRestarts"), "0");
    await vm.run(`kill -STOP ${pid}`);
    await vm.until("systemd to restart it", "[ $(systemctl show --value -p NRestarts kubelet) -ge 1 ]", PATIENCE_MS);
    await vm.until("it to be up", "systemctl is-active kubelet", PATIENCE_MS);
    assert.match(await vm.run("journalctl --no-pager -u kubelet"), /Watchdog timeout/);
    assert.equal(restartsOf(await readyPod(vm, "web")), 0);
    assert.deepEqual(await tasksOf(vm), before);
    await vm.run("rm -r /run/systemd/system/kubelet.service.d && systemctl daemon-reload");
  });

  await step("a second install changes nothing", async () => {
    const pid = await unitProperty(vm, "MainPID");
    assert.match(await vm.run("/share/kubelet install --standalone", patient), /already|nothing/i);
    assert.equal(await unitProperty(vm, "MainPID"), pid);
  });

  await step("after a reboot the pod comes back", async () => {
    const before = Object.keys(await tasksOf(vm));
    await vm.reboot();
    const pod = await readyPod(vm, "web");
    const after = Object.keys(await tasksOf(vm));
    assert.ok(!after.some((id) => before.includes(id)), `none of ${before} can have lived through it: ${after}`);
    assert.equal(after.length, 2);
    assert.equal(restartsOf(pod), 1, "the restart is counted");
  });

  await step("uninstall takes away what install brought, and leaves pods and what was there before", async () => {
    const before = await tasksOf(vm);
    await vm.run("/share/kubelet uninstall", patient);
    assert.equal(
      await vm.run(
        "ls -d /usr/local/bin/kubelet* /etc/systemd/system/kubelet* /etc/systemd/system/*/kubelet* 2>/dev/null; true",
      ),
      "",
    );
    assert.equal((await vm.tryRun("systemctl cat kubelet")).code, 1);
    assert.equal(await vm.read("/etc/kubelet/config.yaml"), STANDALONE_CONFIG);
    assert.deepEqual(await tasksOf(vm), before);
  });
});
