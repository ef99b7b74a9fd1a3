import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { bootVm } from "../../scripts/lib/vm/vm.ts";

test("a command runs in the machine and its output comes back", async () => {
  await using vm = await bootVm({
    files: { "folder/agent.pl": `${import.meta.dirname}/../../scripts/lib/vm/agent.pl` },
  });
  assert.equal(await vm.run("echo $((6 * 7))"), "42\n");
  assert.deepEqual(await vm.tryRun("echo out; echo err >&2; exit 3"), { code: 3, stdout: "out\n", stderr: "err\n" });
  assert.equal((await vm.tryRun("kill -TERM $$")).code, 128 + 15);
  assert.equal((await vm.run("stat -fc %T /sys/fs/cgroup")).trim(), "cgroup2fs");
  assert.equal((await vm.run("systemctl is-system-running")).trim(), "running");
  assert.match(await vm.run("ctr -n k8s.io images ls -q"), /registry\.k8s\.io\/pause/);
  const drift = Math.abs(Number(await vm.run("date +%s")) - Date.now() / 1000);
  assert.ok(drift < 20, `the machine's clock is off by ${drift} s`);
  assert.match(await vm.run("head -1 /share/folder/agent.pl"), /perl/);

  const bytes = randomBytes(3_000_000);
  await vm.write("/root/bytes", bytes);
  assert.ok(bytes.equals(await vm.readBytes("/root/bytes")), "what was written is read again");
  const [slow, quick] = await Promise.all([vm.run("sleep 1; echo slow"), vm.run("echo quick")]);
  assert.deepEqual([slow, quick], ["slow\n", "quick\n"]);
  await assert.rejects(vm.run("sleep 100", { timeout: 1000 }), /did not end within 1 s[\s\S]*console[\s\S]*journal/);
  // Something left running in the background holds nobody up.
  assert.equal(await vm.run("sleep 50 & echo started"), "started\n");
});
