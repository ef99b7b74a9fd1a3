import assert from "node:assert/strict";
import { chmodSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { type Issued, issue } from "../../../test/support/certificates.ts";
import { Scratch } from "../../../test/support/scratch.ts";
import { isFault } from "../../base/fault.ts";
import { type Log, silentLog } from "../../base/log.ts";
import type { ApiUser } from "../../model/api-user.ts";
import type { ApiCredentials, ApiEndpoint, CredentialSource } from "../../ports/kube-api.ts";
import { VirtualTime } from "../../sim/virtual-time.ts";
import { createFiles } from "../linux/index.ts";
import { openCredentials } from "./credentials.ts";

const ENDPOINT: ApiEndpoint = { server: "https://10.0.0.1:6443" };

function fixture(context: TestContext) {
  const scratch = new Scratch("credentials");
  const stop = new AbortController();
  const time = new VirtualTime();
  const said: string[] = [];
  const say = (message: string, fields?: object) => void said.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const log: Log = { ...silentLog, error: say, warn: say };
  context.after(async () => {
    stop.abort(new Error("over"));
    await scratch[Symbol.asyncDispose]();
  });
  const now = new Date();
  const clock = { ...time.clock(stop.signal), wall: () => now };
  return {
    now,
    said,
    signal: stop.signal,
    path: (name: string) => scratch.path(name),
    write: (name: string, text: string) => writeFileSync(scratch.path(name), text),
    pass: (ms: number) => time.runUntil(time.now() + ms, () => {}),
    open: (user: ApiUser, endpoint = ENDPOINT) =>
      openCredentials(user, endpoint, { files: createFiles(), clock, log }, stop.signal),
  };
}

/** A change of a file is told by the kernel some time later. */
async function changed(source: CredentialSource, from: ApiCredentials, signal: AbortSignal): Promise<ApiCredentials> {
  for (;;) {
    const now = await source.current(signal);
    if (now !== from) return now;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const unavailable = (pattern: RegExp) => (error: unknown) =>
  isFault(error, "api-unavailable") && pattern.test(error.message) && error.message.startsWith("Cannot ask https://");

test("nothing, a token, a password: the same object each time", async (context) => {
  const { open, signal } = fixture(context);
  const users: readonly [ApiUser, ApiCredentials][] = [
    [{}, {}],
    [{ token: "t" }, { cert: undefined, key: undefined, token: "t", basic: undefined }],
    [
      { basic: { username: "u", password: "p" } },
      { cert: undefined, key: undefined, token: undefined, basic: { username: "u", password: "p" } },
    ],
  ];
  for (const [user, expected] of users) {
    const source = open(user);
    const first = await source.current(signal);
    assert.deepEqual(first, expected);
    assert.equal(await source.current(signal), first);
  }
  assert.deepEqual(await open({ token: "t" }, { server: "http://10.0.0.1" }).current(signal), {});
});

test("a certificate's files are read again when they change, also by a symlink; what is broken is said and not used", async (context) => {
  const { open, write, path, said, signal } = fixture(context);
  const put = ({ cert, key }: Issued, name: string) => {
    write(name, `${cert}${key}`);
    symlinkSync(path(name), path("new"));
    renameSync(path("new"), path("current.pem"));
  };
  put(await issue({ commonName: "one" }), "1.pem");
  const pem = { file: path("current.pem") };
  const source = open({ certificate: { cert: pem, key: pem } });
  const first = await source.current(signal);
  const second = await issue({ commonName: "two" });
  put(second, "2.pem");
  const renewed = await changed(source, first, signal);
  assert.equal(renewed.cert?.trim(), second.cert.trim());
  assert.equal(renewed.key, second.key);

  write("2.pem", "torn");
  while (said.length === 0) {
    assert.equal(await source.current(signal), renewed);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.match(said.join(), /Failed to read credentials again, using the last ones.*holds no PEM certificate/);
  assert.ok(!said.join().includes("PRIVATE"));
});

test("a certificate that is missing or does not fit is said with its path", async (context) => {
  const { open, write, path, signal } = fixture(context);
  const [a, b] = [await issue({ commonName: "a" }), await issue({ commonName: "b" })];
  const source = open({ certificate: { cert: { file: path("c") }, key: { file: path("k") } } });
  await assert.rejects(source.current(signal), unavailable(/client certificate file \S+\/c is missing$/));
  write("c", a.cert);
  write("k", b.key);
  await assert.rejects(
    source.current(signal),
    unavailable(/client certificate \S+\/c or key file \S+\/k holds a private key that is not the certificate's$/),
  );
  write("k", a.key);
  assert.equal((await source.current(signal)).key, a.key);
});

test("a certificate that is not good now is used, and explained", async (context) => {
  const { open, now, said, signal } = fixture(context);
  const expired = await issue({ commonName: "a", to: new Date(now.getTime() - 90_000) });
  await open({ certificate: { cert: { text: expired.cert }, key: { text: expired.key } } }).current(signal);
  assert.match(said.join(), /client certificate in the kubeconfig expired at \S+, 1m3\ds ago: the clock of this node/);
});

test("a token file is read again after a minute and after a refusal; the last token stays while there is none", async (context) => {
  const { open, write, path, pass, said, signal } = fixture(context);
  const source = open({ tokenFile: path("token"), token: "fallback" });
  const token = async () => (await source.current(signal)).token;
  assert.equal(await token(), "fallback");
  write("token", " one\n");
  await pass(60_000);
  assert.equal(await token(), "one");
  write("token", "two");
  await pass(40_000);
  assert.equal(await token(), "one");
  await pass(20_000);
  assert.equal(await token(), "two");
  write("token", "three");
  source.refused({});
  assert.equal(await token(), "two");
  source.refused(await source.current(signal));
  assert.equal(await token(), "three");
  for (const [text, complaint] of [
    ["", /is empty/],
    ["a\nb", /more than one line/],
  ] as const) {
    write("token", text);
    await pass(60_000);
    assert.equal(await token(), "three");
    assert.match(said.at(-1) ?? "", complaint);
  }
  unlinkSync(path("token"));
  await assert.rejects(open({ tokenFile: path("token") }).current(signal), unavailable(/token file \S+ is missing$/));
});

/** A plugin that counts its runs in a file. */
function plugin(context: TestContext, script: string) {
  const all = fixture(context);
  all.write("plugin", `#!/bin/sh\necho run >> ${all.path("runs")}\n${script}\n`);
  chmodSync(all.path("plugin"), 0o755);
  const exec = (more: Partial<NonNullable<ApiUser["exec"]>> = {}): ApiUser => ({
    exec: {
      apiVersion: "client.authentication.k8s.io/v1",
      command: all.path("plugin"),
      args: ["a b", "c"],
      env: [{ name: "COLOUR", value: "red" }],
      installHint: "",
      clusterInfo: undefined,
      ...more,
    },
  });
  const runs = async () => {
    const content = await createFiles().read(all.path("runs"), 1e6);
    return content === undefined ? 0 : Buffer.from(content).toString().split("\n").length - 1;
  };
  return { ...all, exec, runs };
}

const credential = (status: object, apiVersion = "client.authentication.k8s.io/v1") =>
  JSON.stringify({ apiVersion, kind: "ExecCredential", status });
const printing = (text: string) => `printf '%s' '${text}'`;

test("a plugin gets arguments, environment and what it may know of the cluster", async (context) => {
  const script = `printf '%s|%s|%s|%s' "$1" "$2" "$COLOUR" "$KUBERNETES_EXEC_INFO" > $0.saw; ${printing(credential({ token: "t" }))}`;
  const { open, exec, path, signal } = plugin(context, script);
  const endpoint = { ...ENDPOINT, ca: "PEM", tlsServerName: "api" };
  const source = open(exec({ clusterInfo: { config: { audience: "x" } } }), endpoint);
  assert.deepEqual(await source.current(signal), { cert: undefined, key: undefined, token: "t" });
  const saw = Buffer.from((await createFiles().read(path("plugin.saw"), 1e6)) ?? "").toString();
  const [first, second, colour, info] = saw.split("|");
  assert.deepEqual([first, second, colour], ["a b", "c", "red"]);
  assert.deepEqual(JSON.parse(info ?? ""), {
    kind: "ExecCredential",
    apiVersion: "client.authentication.k8s.io/v1",
    spec: {
      cluster: {
        server: "https://10.0.0.1:6443",
        "tls-server-name": "api",
        "certificate-authority-data": "UEVN",
        config: { audience: "x" },
      },
      interactive: false,
    },
  });
});

test("a plugin runs once for all who ask, again when its credential has expired or was refused", async (context) => {
  const valid = printing(credential({ token: "t", expirationTimestamp: "2100-01-01T00:00:00Z" }));
  const { open, exec, runs, write, path, signal } = plugin(context, valid);
  const source = open(exec());
  const [first, second] = await Promise.all([source.current(signal), source.current(signal)]);
  assert.equal(first, second);
  assert.equal(await source.current(signal), first);
  assert.equal(await runs(), 1);
  source.refused({});
  assert.equal(await source.current(signal), first);
  source.refused(first);
  assert.notEqual(await source.current(signal), first);
  assert.equal(await runs(), 2);
  const expired = printing(credential({ token: "t", expirationTimestamp: "2020-01-01T00:00:00Z" }));
  write("plugin", `#!/bin/sh\necho run >> ${path("runs")}\n${expired}\n`);
  source.refused(await source.current(signal));
  await source.current(signal);
  await source.current(signal);
  assert.equal(await runs(), 4);
});

test("a plugin may give a certificate", async (context) => {
  const { cert, key } = await issue({ commonName: "n" });
  const status = { clientCertificateData: cert, clientKeyData: key };
  const all = plugin(context, "");
  all.write("out", credential(status));
  all.write("plugin", `#!/bin/sh\ncat ${all.path("out")}\n`);
  const given = await all.open(all.exec()).current(all.signal);
  assert.equal(given.cert?.trim(), cert.trim());
  assert.equal(given.key, key);
});

const failing: readonly [name: string, script: string, message: RegExp][] = [
  ["fails", "echo 'no luck: secret of mine' >&2; exit 3", /failed with exit code 3, saying "no luck: secret of mine"$/],
  ["is killed", "kill -9 $$", /was killed by SIGKILL$/],
  ["prints nothing", "", /printed nothing$/],
  ["prints no credential", printing("[1, 2]"), /printed no ExecCredential$/],
  ["prints no end", "yes", /printed more than 1048576 bytes and was killed$/],
  [
    "prints another version",
    printing(credential({ token: "t" }, "v1")),
    /another apiVersion than client\.authentication\.k8s\.io\/v1/,
  ],
  [
    "gives no status",
    printing('{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1"}'),
    /without status$/,
  ],
  ["gives nothing", printing(credential({})), /neither a token nor a certificate/],
  ["gives half a pair", printing(credential({ clientKeyData: "k" })), /only one of certificate and key$/],
  [
    "gives a broken pair",
    printing(credential({ clientKeyData: "k", clientCertificateData: "c" })),
    /holds no PEM certificate$/,
  ],
  ["gives a number", printing(credential({ token: 5 })), /gave a token that is no string$/],
  ["gives no time", printing(credential({ token: "t", expirationTimestamp: "soon" })), /no RFC 3339 time$/],
];
for (const [name, script, message] of failing) {
  test(`a plugin that ${name} is told of`, async (context) => {
    const { open, exec, path, signal } = plugin(context, script);
    await assert.rejects(open(exec()).current(signal), (error) => {
      assert.ok(unavailable(message)(error), String(error));
      return String(error).includes(`credential plugin ${path("plugin")} `);
    });
  });
}

test("a plugin that is not there is named with its hint; nobody waits for one that hangs", async (context) => {
  const { open, exec, path, signal } = plugin(context, "sleep 1000 & sleep 1000");
  const missing = open(exec({ command: "no-such-plugin-here", installHint: "apt install it" }));
  await assert.rejects(missing.current(signal), unavailable(/is not installed, or not in the PATH.*: apt install it$/));
  const impatient = new AbortController();
  const hanging = open(exec()).current(impatient.signal);
  impatient.abort(new Error("enough"));
  await assert.rejects(hanging, /enough/);
  rmSync(path("plugin"));
});
