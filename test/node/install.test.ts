/** `kubelet install` and `uninstall` on a root folder of their own, with a systemctl that only writes down what it was asked. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { encodeFooter } from "../../src/adapters/executable/layout.ts";
import { createHostSetup } from "../../src/adapters/linux/index.ts";
import { runFake } from "../../src/cli/fake-io.ts";
import type { VerbIo } from "../../src/cli/index.ts";
import { Scratch } from "../support/scratch.ts";

const never = new AbortController().signal;

/** A file that is laid out as a built kubelet is. */
function executable(content: string): Buffer {
  const body = Buffer.from(content);
  const sha256 = createHash("sha256").update(body).digest("hex");
  const list = Buffer.from(JSON.stringify({ version: "test", entry: "./x", scripts: {}, files: {}, sha256 }));
  const footer = encodeFooter({ offset: body.length, length: list.length, crc: crc32(list) });
  return Buffer.concat([body, list, footer]);
}

const FAKE = `#!/bin/sh
name=\${0##*/}
echo "$name $*" >>"$FAKE_LOG"
for word in "$name" "$@"; do
  if [ -e "$FAKE_FAILS/$word" ]; then cat "$FAKE_FAILS/$word"; exit 1; fi
done
`;

class Machine implements AsyncDisposable {
  readonly #scratch = new Scratch("install");
  /** The system's root. */
  readonly root = this.#scratch.path("root");
  readonly downloads = this.#scratch.path("downloads");
  readonly #log = this.#scratch.path("calls");
  superuser = true;

  constructor() {
    for (const folder of ["run/systemd/system", "usr/local/bin", "etc/systemd/system", "var/lib", "proc"])
      mkdirSync(`${this.root}/${folder}`, { recursive: true });
    for (const folder of [this.downloads, this.#scratch.path("bin"), this.#scratch.path("fails")]) mkdirSync(folder);
    for (const name of ["systemctl", "journalctl", "dpkg-query"])
      writeFileSync(this.#scratch.path("bin", name), FAKE, { mode: 0o755 });
    this.fails("dpkg-query", "no path found");
    this.download("first");
  }

  download(content: string): void {
    writeFileSync(`${this.downloads}/kubelet`, executable(content), { mode: 0o755 });
  }

  /** From now on a program, or systemctl with that verb, fails with that text. */
  fails(word: string, text: string): void {
    writeFileSync(this.#scratch.path("fails", word), text);
  }

  put(path: string, content: string): void {
    mkdirSync(dirname(`${this.root}${path}`), { recursive: true });
    writeFileSync(`${this.root}${path}`, content);
  }

  read(path: string): string {
    return readFileSync(`${this.root}${path}`, "utf8");
  }

  /** What was called since the last time. */
  calls(): readonly string[] {
    const calls = existsSync(this.#log) ? readFileSync(this.#log, "utf8").trim().split("\n") : [];
    writeFileSync(this.#log, "");
    return calls.filter((call) => call !== "" && !call.startsWith("dpkg-query"));
  }

  /** Every file with mode and content, every directory. */
  tree(): Readonly<Record<string, string>> {
    const paths = globSync("**", { cwd: this.root }).sort();
    return Object.fromEntries(
      paths.map((path) => {
        const stat = statSync(`${this.root}/${path}`);
        const content = stat.isFile() ? readFileSync(`${this.root}/${path}`, "utf8") : "directory";
        return [path, `${(stat.mode & 0o7777).toString(8)} ${content}`];
      }),
    );
  }

  async kubelet(line: string, from = `${this.downloads}/kubelet`) {
    const setup = (root: string) => ({
      ...createHostSetup({
        root: root === "" ? this.root : root,
        executable: from,
        env: {
          PATH: `${this.#scratch.path("bin")}:/usr/bin:/bin`,
          FAKE_LOG: this.#log,
          FAKE_FAILS: this.#scratch.path("fails"),
        },
      }),
      superuser: this.superuser,
    });
    const doors: Partial<VerbIo> = {
      configDeps: () => ({
        facts: { cgroupVersion: 2, hostname: "node", cwd: "/" },
        readFile: () => assert.fail("files are read below the root"),
        listConfigDir: async () => [],
      }),
      host: async () => ({
        setup,
        examiner: () => assert.fail("nobody asked for it"),
        purge: () => assert.fail("nobody asked for it"),
      }),
    };
    return runFake(line, doors, never);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scratch[Symbol.asyncDispose]();
  }
}

test("a node for itself: everything is there, said, and gone again", async () => {
  await using machine = new Machine();
  const before = machine.tree();
  const { code, out, complaints } = await machine.kubelet("install");
  assert.equal(`${complaints}${code}`, "0");
  for (const said of [
    `copied ${machine.downloads}/kubelet to /usr/local/bin/kubelet`,
    "made /etc/kubelet/pods",
    "wrote /etc/kubelet/config.yaml",
    "wrote /etc/systemd/system/kubelet.service",
    "enabled kubelet.service",
    "started kubelet.service",
  ])
    assert.ok(out.includes(said), `${said}\n---\n${out}`);
  assert.deepEqual(machine.calls(), [
    "systemctl --version",
    "systemctl daemon-reload",
    "systemctl enable kubelet.service",
    "systemctl start kubelet.service",
  ]);
  assert.deepEqual(readFileSync(`${machine.root}/usr/local/bin/kubelet`), executable("first"));
  assert.equal(statSync(`${machine.root}/usr/local/bin/kubelet`).mode & 0o777, 0o755);
  assert.match(machine.read("/etc/systemd/system/kubelet.service"), /^ExecStart=\/usr\/local\/bin\/kubelet \\$/m);

  const again = await machine.kubelet("install");
  assert.match(again.out, /installed already as \/usr\/local\/bin\/kubelet: nothing to do/);
  assert.deepEqual(machine.calls(), ["systemctl --version"]);

  const gone = await machine.kubelet("uninstall", `${machine.root}/usr/local/bin/kubelet`);
  assert.equal(`${gone.complaints}${gone.code}`, "0");
  assert.match(gone.out, /stopped kubelet\.service; its pods keep running/);
  assert.deepEqual(machine.calls(), [
    "systemctl stop kubelet.service",
    "systemctl reset-failed kubelet.service",
    "systemctl disable kubelet.service",
    "systemctl daemon-reload",
  ]);
  assert.deepEqual(machine.tree(), before);
});

test("behind systemd-resolved pods get the servers behind it", async () => {
  await using machine = new Machine();
  machine.put("/etc/resolv.conf", "nameserver 127.0.0.53\n");
  await machine.kubelet("install --no-start");
  assert.match(machine.read("/etc/kubelet/config.yaml"), /^#resolvConf: /m, "there is no such list");
  await machine.kubelet("uninstall");
  machine.put("/run/systemd/resolve/resolv.conf", "nameserver 10.0.0.1\n");
  await machine.kubelet("install --no-start");
  assert.match(machine.read("/etc/kubelet/config.yaml"), /^resolvConf: \/run\/systemd\/resolve\/resolv\.conf$/m);
});

test("what people changed is kept at the end, and said", async () => {
  await using machine = new Machine();
  await machine.kubelet("install");
  machine.put("/etc/kubelet/config.yaml", "mine");
  machine.put("/etc/kubelet/pods/web.yaml", "pod");
  machine.put("/etc/systemd/system/kubelet.service", "edited");
  const { out } = await machine.kubelet("uninstall");
  assert.match(out, /kept \/etc\/kubelet\/config\.yaml: you have changed it/);
  assert.match(out, /kept \/etc\/kubelet\/pods: something is in it/);
  assert.equal(machine.read("/etc/systemd/system/kubelet.service.changed"), "edited");
  assert.equal(existsSync(`${machine.root}/var/lib/kubelet-ts`), false);
});

test("a newer file replaces the service's, whose configuration stays", async () => {
  await using machine = new Machine();
  await machine.kubelet("install");
  machine.put(
    "/etc/kubelet/config.yaml",
    "kind: KubeletConfiguration\napiVersion: kubelet.config.k8s.io/v1beta1\nmaxPods: 7\n",
  );
  machine.download("second");
  machine.calls();
  const { code, out, complaints } = await machine.kubelet("install");
  assert.equal(`${complaints}${code}`, "0");
  assert.match(out, /kept \/etc\/kubelet\/config\.yaml, which was there/);
  assert.deepEqual(machine.calls().slice(-1), ["systemctl restart kubelet.service"]);
  assert.deepEqual(readFileSync(`${machine.root}/usr/local/bin/kubelet`), executable("second"));
  assert.deepEqual(globSync("**/*.before-install", { cwd: machine.root }), []);
});

test("another kind of service takes the place of the first, of which nothing stays behind", async () => {
  await using machine = new Machine();
  await machine.kubelet("install --kubeadm");
  const dropIn = `${machine.root}/etc/systemd/system/kubelet.service.d/10-kubeadm.conf`;
  assert.match(readFileSync(dropIn, "utf8"), /^ExecStart=\/usr\/local\/bin\/kubelet \$KUBELET_KUBECONFIG_ARGS/m);
  assert.equal((await machine.kubelet("install --standalone")).complaints, "");
  assert.equal(existsSync(dropIn), false);
  await machine.kubelet("uninstall");
  assert.deepEqual(globSync("etc/**", { cwd: machine.root }).sort(), ["etc", "etc/systemd", "etc/systemd/system"]);
});

test("with kubeadm the first start is left to it", async () => {
  await using machine = new Machine();
  const { out } = await machine.kubelet("install --kubeadm");
  assert.match(out, /not started yet: kubeadm init or kubeadm join does it/);
  assert.ok(!machine.calls().some((call) => call.includes(" start ")));
});

test("flags of one's own go into the unit", async () => {
  await using machine = new Machine();
  machine.put("/etc/k.yaml", "kind: KubeletConfiguration\napiVersion: kubelet.config.k8s.io/v1beta1\n");
  const { complaints } = await machine.kubelet("install --bin-dir /opt/bin -- --config=/etc/k.yaml --node-labels=a=b");
  assert.equal(complaints, "");
  const unit = machine.read("/etc/systemd/system/kubelet.service").replace(/\\\n\s*/g, "");
  assert.match(unit, /^ExecStart=\/opt\/bin\/kubelet --config=\/etc\/k\.yaml --node-labels=a=b \$KUBELET_EXTRA_ARGS$/m);
});

test("a service that does not start is told with its last words, and everything is as before", async () => {
  await using machine = new Machine();
  const before = machine.tree();
  machine.fails("start", "Job for kubelet.service failed.");
  const { code, out, complaints } = await machine.kubelet("install");
  assert.equal(code, 1);
  assert.match(complaints, /Cannot start kubelet\.service: Job for kubelet\.service failed\./);
  assert.match(out, /undid all of it/);
  assert.deepEqual(machine.tree(), before);
  assert.deepEqual(machine.calls().slice(-4), [
    "systemctl stop kubelet.service",
    "systemctl reset-failed kubelet.service",
    "systemctl disable kubelet.service",
    "systemctl daemon-reload",
  ]);
});

test("an upgrade that does not start gives the first one back", async () => {
  await using machine = new Machine();
  await machine.kubelet("install");
  const before = machine.tree();
  machine.download("second");
  machine.fails("restart", "no");
  const { code, complaints } = await machine.kubelet("install");
  assert.equal(code, 1);
  // The restart of the first one fails here as well, and that is told.
  assert.match(complaints, /could not undo everything:\n {2}systemctl restart kubelet\.service failed/);
  assert.deepEqual(machine.tree(), before);
});

test("one that was cut short is undone by the next, or by uninstall", async () => {
  for (const next of ["uninstall", "install"]) {
    await using machine = new Machine();
    await machine.kubelet("install --no-start");
    const record = JSON.parse(machine.read("/var/lib/kubelet-ts/install.json"));
    machine.put("/var/lib/kubelet-ts/install.json", JSON.stringify({ ...record, complete: false }));
    const { code, complaints } = await machine.kubelet(next);
    assert.equal(`${complaints}${code}`, "0");
    assert.equal(existsSync(`${machine.root}/usr/local/bin/kubelet`), next === "install");
  }
});

const refusals: readonly {
  readonly name: string;
  readonly prepare: (machine: Machine) => void;
  readonly line?: string;
  readonly says: RegExp;
}[] = [
  { name: "not root", prepare: (m) => (m.superuser = false), says: /you are not root/ },
  { name: "no systemctl that works", prepare: (m) => m.fails("systemctl", ""), says: /does not run systemd/ },
  {
    name: "a packaged kubelet",
    prepare: (m) => m.put("/usr/lib/systemd/system/kubelet.service", ""),
    says: /a package brings a kubelet service.*apt-get remove kubelet/,
  },
  {
    name: "another's executable",
    prepare: (m) => m.put("/usr/local/bin/kubelet", "x"),
    says: /\/usr\/local\/bin\/kubelet is there.*--bin-dir/,
  },
  {
    name: "another's unit",
    prepare: (m) => m.put("/etc/systemd/system/kubelet.service", "x"),
    says: /kubelet\.service is there, and kubelet install did not put it there/,
  },
  {
    name: "a file where a folder must be",
    prepare: (m) => m.put("/opt", "x"),
    line: "install --bin-dir /opt/bin",
    says: /\/opt\/bin\/kubelet can't be written: .*not a directory/,
  },
  {
    name: "a damaged download",
    prepare: (m) => writeFileSync(`${m.downloads}/kubelet`, executable("first").subarray(0, -5)),
    says: /not a whole kubelet: .*cut off/,
  },
  {
    name: "a changed download",
    prepare: (m) => writeFileSync(`${m.downloads}/kubelet`, executable("first").fill("F", 0, 1)),
    says: /not a whole kubelet: it was changed/,
  },
  {
    name: "another file than the list beside it names",
    prepare: (m) => writeFileSync(`${m.downloads}/SHA256SUMS`, `${"0".repeat(64)}  kubelet\n`),
    says: /not the file that \S+SHA256SUMS names/,
  },
  {
    name: "another file than the digest given",
    prepare: () => {},
    line: `install --sha256 ${"a".repeat(64)}`,
    says: /not the file that --sha256 names/,
  },
  { name: "a flag that there is not", prepare: () => {}, line: "install -- --nope=1", says: /--nope/ },
  {
    name: "a value that a flag can't have",
    prepare: () => {},
    line: "install --standalone -- --max-pods=-5",
    says: /maxPods must be/,
  },
  {
    name: "a configuration that is not there",
    prepare: () => {},
    line: "install -- --config=/none",
    says: /cannot be read at \/none/,
  },
  { name: "swap", prepare: (m) => m.put("/proc/swaps", "Filename\n/swap file 1 0 -2\n"), says: /swap is on/ },
  {
    name: "a cluster's files and no word",
    prepare: (m) => m.put("/etc/kubernetes/kubelet.conf", ""),
    says: /say --kubeadm .* or --standalone/,
  },
  { name: "two kinds", prepare: () => {}, line: "install --kubeadm --standalone", says: /choose one/ },
  { name: "flags with kubeadm", prepare: () => {}, line: "install --kubeadm -- --v=2", says: /KUBELET_EXTRA_ARGS/ },
  {
    name: "a record of a later release",
    prepare: (m) => m.put("/var/lib/kubelet-ts/install.json", JSON.stringify({ formatVersion: 2, done: [] })),
    says: /it has format 2, and this kubelet knows format 1/,
  },
];
for (const { name, prepare, line = "install", says } of refusals) {
  test(`refused, with nothing changed: ${name}`, async () => {
    await using machine = new Machine();
    prepare(machine);
    const before = machine.tree();
    const { code, complaints } = await machine.kubelet(line);
    assert.equal(code, 1);
    assert.match(complaints, says);
    assert.deepEqual(machine.tree(), before);
    assert.ok(!machine.calls().some((call) => / (start|enable|daemon-reload)/.test(call)));
  });
}

test("another root gets everything but a start", async () => {
  await using machine = new Machine();
  await using image = new Scratch("image");
  mkdirSync(image.path("var/lib"), { recursive: true });
  machine.superuser = false;
  const { code, complaints } = await machine.kubelet(`install --standalone --root ${image.folder}`);
  assert.equal(`${complaints}${code}`, "0");
  assert.deepEqual(machine.calls(), [`systemctl --root=${image.folder} enable kubelet.service`]);
  assert.ok(existsSync(image.path("usr/local/bin/kubelet")));
  await machine.kubelet(`uninstall --root ${image.folder}`);
  assert.deepEqual(globSync("**", { cwd: image.folder }).sort(), [".", "var", "var/lib"]);
});

test("--dry-run changes nothing", async () => {
  await using machine = new Machine();
  const before = machine.tree();
  assert.match(
    (await machine.kubelet("install --dry-run")).out,
    /^would copy this kubelet to \/usr\/local\/bin\/kubelet$/m,
  );
  assert.deepEqual(machine.tree(), before);
});

test("uninstall without an install says where it looked", async () => {
  await using machine = new Machine();
  assert.match((await machine.kubelet("uninstall")).complaints, /install\.json.*is not there.*apt-get remove kubelet/);
});
