import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../../base/fault.ts";
import { v1Trees } from "./cgroup-trees.ts";

const line = (target: string, superOptions: string, type = "cgroup") =>
  `31 23 0:28 / ${target} rw shared:9 - ${type} ${type} ${superOptions}\n`;
const ROOT = "/sys/fs/cgroup";

test("v1Trees() finds joined controllers, named hierarchies, and the shortest of two mounts", () => {
  const mountinfo = [
    line(`${ROOT}/cpu,cpuacct`, "rw,cpu,cpuacct"),
    line(`${ROOT}/memory`, "rw,memory"),
    line(`${ROOT}/elsewhere/memory`, "rw,memory"),
    line("/mnt/m", "rw,memory"),
    line(`${ROOT}/cpuset`, "rw,cpuset,noprefix"),
    line(`${ROOT}/systemd`, "rw,xattr,name=systemd"),
    line(`${ROOT}/unified`, "rw", "cgroup2"),
  ].join("");
  assert.deepEqual(
    v1Trees(ROOT, mountinfo).map(({ mountPoint, controllers }) => [mountPoint, controllers]),
    [
      [`${ROOT}/cpu,cpuacct`, ["cpu", "cpuacct"]],
      [`${ROOT}/memory`, ["memory"]],
      [`${ROOT}/cpuset`, ["cpuset"]],
      [`${ROOT}/systemd`, ["systemd"]],
    ],
  );
});

test("v1Trees() refuses a host without what a kubelet needs, naming all of it", () => {
  assert.throws(
    () => v1Trees(ROOT, line(`${ROOT}/cpu`, "rw,cpu") + line(`${ROOT}/memory`, "rw,memory")),
    (error) => isFault(error, "start-refused") && error.message.includes("not mounted: [cpuacct cpuset]"),
  );
});
