import assert from "node:assert/strict";
import { test } from "node:test";
import { KubeletError } from "../base/fault.ts";
import type { HostSetup } from "../ports/host-setup.ts";
import { runFake } from "./fake-io.ts";

const UNIT = "/etc/systemd/system/kubelet.service";
const RECORD = "/var/lib/kubelet-ts/install.json";
const never = new AbortController().signal;

/** A machine with the service on it: files with their digests, and a systemctl that knows a unit as long as its file is there. */
function machine() {
  const files = new Map([
    ["/usr/local/bin/kubelet", "a"],
    [UNIT, "b"],
  ]);
  const done = [
    ...[...files].map(([path, sha256]) => ({ what: "file", path, sha256 })),
    ...["enabled", "started"].map((what) => ({ what, unit: "kubelet.service" })),
  ];
  files.set(RECORD, JSON.stringify({ formatVersion: 1, kubelet: "v1", at: "now", complete: true, done }));
  let isLoaded = true;
  /** From now on nothing more is done at this place. */
  const broken = new Set<string>();
  const setup: Partial<HostSetup> = {
    superuser: true,
    kind: async (path) => (files.has(path) ? "file" : undefined),
    read: async (path) => files.get(path),
    sha256: async (path = "") => files.get(path),
    async remove(path) {
      if (broken.has(path)) throw new KubeletError("stuck", { code: "file-failed", path, errno: "EBUSY" });
      files.delete(path);
    },
    removeEmptyDirectory: async () => true,
    async run(_, [verb]) {
      const isThere = files.has(UNIT);
      if (verb === "daemon-reload") isLoaded = isThere;
      if (verb === "stop" && !isLoaded) return { code: 5, text: "Unit kubelet.service not loaded." };
      if (verb === "disable" && !isThere) return { code: 1, text: "Unit kubelet.service does not exist" };
      return { code: 0, text: "" };
    },
  };
  const purged: string[] = [];
  const purge = async (rootDir: string) => {
    if (broken.has(rootDir))
      throw new KubeletError("it is held", { code: "file-failed", path: rootDir, errno: "EBUSY" });
    purged.push(rootDir);
    return [`removed ${rootDir}`];
  };
  const host = async () => ({
    setup: () => setup as HostSetup,
    examiner: () => assert.fail("nobody asked for it"),
    purge,
  });
  return { files, broken, purged, uninstall: (line = "uninstall") => runFake(line, { host }, never) };
}

test("an uninstall that could not undo everything is finished by the next one", async () => {
  const { files, broken, uninstall } = machine();
  broken.add("/usr/local/bin/kubelet");
  assert.match((await uninstall()).complaints, /Not everything could be undone.*\n {2}stuck$/);
  assert.deepEqual([...files.keys()], ["/usr/local/bin/kubelet", RECORD]);
  broken.clear();
  const { code, complaints, out } = await uninstall();
  assert.equal(`${complaints}${code}`, "0");
  assert.match(out, /removed \/usr\/local\/bin\/kubelet/);
  assert.deepEqual([...files.keys()], []);
});

test("a purge that failed or was cut short can be asked for again", async () => {
  const { files, broken, purged, uninstall } = machine();
  broken.add("/var/lib/kubelet");
  assert.match((await uninstall("uninstall --purge")).complaints, /The service is gone, but it is held/);
  broken.clear();
  const { code, complaints } = await uninstall("uninstall --purge");
  assert.equal(`${complaints}${code}`, "0");
  assert.deepEqual([purged, [...files.keys()]], [["/var/lib/kubelet"], []]);
});
