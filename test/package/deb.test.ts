/** The Debian package, as Debian's own tools see it. Real systems run it in the VM tests. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { NODE } from "../../scripts/lib/package/base.ts";
import { ARCHITECTURE, DROP_IN, debContents, debianVersion } from "../../scripts/lib/package/contents.ts";
import { deb } from "../../scripts/lib/package/deb.ts";
import { neededVersions } from "../../scripts/lib/package/elf.ts";
import { MAINTAINER_SCRIPTS } from "../../scripts/lib/package/maintainer-scripts.ts";
import { run, tryRun } from "../../scripts/lib/run.ts";
import { kubeadmDropIn, packagedUnit, standaloneConfig } from "../../src/service/index.ts";
import { Scratch } from "../support/scratch.ts";

const TIME = new Date("2026-01-02T03:04:05Z");

describe("the Debian package", () => {
  let scratch: Scratch;
  let file = "";

  before(async () => {
    scratch = new Scratch("deb");
    file = scratch.path("kubelet-ts.deb");
    // Only its place matters here.
    const kubelet = Buffer.from("#!/bin/sh\necho a kubelet\n");
    writeFileSync(file, await deb(debContents({ version: "1.2.3-rc.1", kubelet, notices: "NOTICES\n", time: TIME })));
  });
  after(async () => await scratch[Symbol.asyncDispose]());

  const field = async (name: string) => (await run("dpkg-deb", ["--field", file, name])).trim();

  test("takes the place of upstream's, and a pre-release sorts before its release", async () => {
    assert.equal(await field("Package"), "kubelet-ts");
    assert.equal(await field("Version"), "1.2.3~rc.1");
    assert.equal(await field("Architecture"), ARCHITECTURE);
    for (const name of ["Conflicts", "Replaces"]) assert.equal(await field(name), "kubelet");
    assert.match(await field("Provides"), /^kubelet \(= 1\.37\.\d+\)$/);
    const sorts = await tryRun("dpkg", [
      "--compare-versions",
      debianVersion("1.2.3-rc.1"),
      "lt",
      debianVersion("1.2.3"),
    ]);
    assert.equal(sorts.code, 0);
  });

  test("depends on the libraries that Node asks for, in the versions of its symbols", async () => {
    const depends = await field("Depends");
    const newest = neededVersions(readFileSync(NODE));
    assert.match(depends, new RegExp(`libc6 \\(>= ${newest.get("GLIBC")}\\)`));
    assert.match(depends, /\blibatomic1\b/);
    assert.equal(newest.get("LIBATOMIC"), "1.0");
    // GCC 5 brought GLIBCXX_3.4.21 (https://gcc.gnu.org/onlinedocs/libstdc++/manual/abi.html).
    assert.equal(newest.get("GLIBCXX"), "3.4.21");
    assert.match(depends, /libstdc\+\+6 \(>= 5\)/);
    assert.match(depends, new RegExp(`libgcc-s1 \\(>= ${newest.get("GCC")?.replace(/\.0$/, "")}\\)`));
  });

  test("unpacks to the files that the service and kubeadm know", async () => {
    const root = scratch.path("root");
    await run("dpkg-deb", ["--extract", file, root]);
    const text = (path: string) => readFileSync(join(root, path), "utf8");
    assert.equal(await run(join(root, "usr/bin/kubelet"), []), "a kubelet\n");
    assert.equal(text("usr/lib/systemd/system/kubelet.service"), packagedUnit("/usr/bin/kubelet"));
    assert.equal(text(DROP_IN), kubeadmDropIn("/usr/bin/kubelet"));
    assert.match(text("usr/lib/systemd/system/kubelet-standalone.service"), /^Conflicts=kubelet\.service$/m);
    assert.equal(text("etc/kubelet/config.yaml"), standaloneConfig());
    assert.match(text("usr/share/doc/kubelet-ts/copyright"), /Apache License 2\.0[\s\S]*NOTICES/);
    assert.match(await run("gzip", ["-dc", join(root, "usr/share/man/man8/kubelet.8.gz")]), /^\.TH KUBELET 8/);
    const listed = await run("dpkg-deb", ["--contents", file]);
    for (const line of listed.trim().split("\n")) assert.match(line, /^\S+ root\/root +\d+ 2026-01-02 \d\d:\d\d \.\//);
    const sums = await run("dpkg-deb", ["--info", file, "md5sums"]);
    await run("md5sum", ["--check", "--quiet"], { cwd: root, input: sums });
    assert.equal(await run("dpkg-deb", ["--info", file, "conffiles"]), "/etc/kubelet/config.yaml\n");
  });

  test("is installed, upgraded, removed and purged by dpkg", async () => {
    const root = scratch.path("machine");
    for (const folder of ["var/lib/dpkg/info", "var/lib/dpkg/updates", "bin", "var/lib/kubelet"])
      mkdirSync(join(root, folder), { recursive: true });
    writeFileSync(join(root, "var/lib/dpkg/status"), "");
    writeFileSync(join(root, "var/lib/kubelet/state"), "");
    // The maintainer scripts run on this machine: dpkg would want a whole system in the root to run them there.
    const dpkg = async (...args: string[]) =>
      await run(
        "dpkg",
        [`--root=${root}`, "--force-depends", "--force-script-chrootless", "--force-not-root", ...args],
        {
          env: { PATH: `${stubs()}:${process.env.PATH}` },
        },
      );
    await dpkg("--install", file);
    assert.ok(existsSync(join(root, "usr/bin/kubelet")));
    writeFileSync(join(root, "etc/kubelet/config.yaml"), "mine\n");
    await dpkg("--force-confold", "--install", file);
    assert.equal(readFileSync(join(root, "etc/kubelet/config.yaml"), "utf8"), "mine\n");
    await dpkg("--remove", "kubelet-ts");
    assert.equal(existsSync(join(root, "usr/bin/kubelet")), false);
    assert.equal(existsSync(join(root, "etc/kubelet/config.yaml")), true);
    await dpkg("--purge", "kubelet-ts");
    assert.equal(existsSync(join(root, "etc/kubelet")), false);
    assert.equal(existsSync(join(root, "var/lib/kubelet/state")), true);
  });

  for (const { when, script, args, state, calls } of [
    {
      when: "the first installation enables the node and starts nothing",
      script: "postinst",
      args: ["configure", ""],
      state: {},
      calls: [/enable kubelet\.service/],
    },
    {
      when: "a node that was another kubelet's goes on",
      script: "postinst",
      args: ["configure", ""],
      state: { configured: true },
      calls: [/enable kubelet\.service/, /^deb-systemd-invoke start kubelet\.service$/m],
    },
    {
      when: "an upgrade restarts what runs",
      script: "postinst",
      args: ["configure", "1.0"],
      state: { active: true, configured: true },
      calls: [/daemon-reload/, /^deb-systemd-invoke restart kubelet\.service$/m],
    },
    {
      when: "an upgrade starts nothing that does not run",
      script: "postinst",
      args: ["configure", "1.0"],
      state: { configured: true },
      calls: [/daemon-reload/],
    },
    {
      when: "an upgrade stops nothing before",
      script: "prerm",
      args: ["upgrade", "2.0"],
      state: { active: true },
      calls: [],
    },
    {
      when: "a removal stops both units",
      script: "prerm",
      args: ["remove"],
      state: { active: true },
      calls: [/^deb-systemd-invoke stop kubelet\.service kubelet-standalone\.service$/m],
    },
  ] as const)
    test(`maintainer scripts: ${when}`, async () => {
      const said = await runScript(script, args, state);
      for (const call of calls) assert.match(said, call);
      const starts = said.split("\n").filter((line) => /^deb-systemd-invoke (start|restart|stop)/.test(line)).length;
      assert.equal(starts, calls.filter((call) => call.source.includes("invoke")).length, said);
    });

  /** Programs that only write down how they were called. */
  function stubs(active = false): string {
    const folder = scratch.path(`stubs-${active}`);
    mkdirSync(folder, { recursive: true });
    const log = `echo "\${0##*/} $*" >>"\${CALLS:-/dev/null}"`;
    const isActive = `case "$*" in *is-active\\ kubelet.service) exit ${active ? 0 : 3} ;; *is-active*) exit 3 ;; esac`;
    for (const name of ["systemctl", "deb-systemd-helper", "deb-systemd-invoke"]) {
      writeFileSync(join(folder, name), `#!/bin/sh\n${log}\n${name === "systemctl" ? isActive : ""}\n`);
      chmodSync(join(folder, name), 0o755);
    }
    return folder;
  }

  /** Runs one with stubs for what it calls, as on a machine with systemd. */
  async function runScript(
    name: string,
    args: readonly string[],
    { active = false, configured = false }: { readonly active?: boolean; readonly configured?: boolean },
  ): Promise<string> {
    const calls = scratch.path(`calls-${name}-${args.join("-")}-${active}-${configured}`);
    writeFileSync(calls, "");
    const there = scratch.path("there");
    mkdirSync(there, { recursive: true });
    // Its two questions to the machine, answered by this test.
    const text = (MAINTAINER_SCRIPTS[name] ?? "")
      .replaceAll("/run/systemd/system", there)
      .replaceAll("/var/lib/kubelet/config.yaml", configured ? there : scratch.path("absent"));
    await run("sh", ["-c", text, name, ...args], {
      env: { PATH: `${stubs(active)}:${process.env.PATH}`, CALLS: calls },
    });
    return readFileSync(calls, "utf8");
  }
});
