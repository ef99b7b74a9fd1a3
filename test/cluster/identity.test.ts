/** Who the node is to a real API server: by kubeconfigs of each kind, by bootstrap, by certificates that live for seconds. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { chmodSync, existsSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Authority } from "../../scripts/lib/cluster/certificate.ts";
import { ControlPlane } from "../../scripts/lib/cluster/control-plane.ts";
import { nodeSubject } from "../../scripts/lib/cluster/pki.ts";
import { connectKubeApi, type KubeConnection } from "../../src/adapters/kube/index.ts";
import { createClock, createFiles, createRandom } from "../../src/adapters/linux/index.ts";
import { createKeys } from "../../src/adapters/x509/index.ts";
import { type Identity, type IdentityOptions, openIdentity } from "../../src/app/identity.ts";
import { openServingCertificate } from "../../src/app/serving-certificate.ts";
import { isFault } from "../../src/base/fault.ts";
import { type Log, silentLog } from "../../src/base/log.ts";
import type { Collection, CredentialSource, KubeObject } from "../../src/ports/kube-api.ts";
import { ownNetwork } from "../support/kubelet.ts";
import { Scratch } from "../support/scratch.ts";

const { address } = await ownNetwork();
const clock = createClock();
/** Long enough for a slow machine to use a certificate, short enough to see several. */
const LIFE_SECONDS = 20;
const REVIEWS: Collection = { group: "authentication.k8s.io", version: "v1", resource: "selfsubjectreviews" };
const CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

let scratch: Scratch;
let plane: ControlPlane;
before(async () => {
  scratch = new Scratch("identity");
  plane = await ControlPlane.start({
    folder: scratch.path("plane"),
    address,
    controllerManagerArgs: [`--cluster-signing-duration=${LIFE_SECONDS}s`],
  });
});
after(async () => {
  await plane[Symbol.asyncDispose]();
  await scratch[Symbol.asyncDispose]();
});

interface Review extends KubeObject {
  readonly status: { readonly userInfo: { readonly username: string; readonly groups: readonly string[] } };
}

const connect = ({ endpoint, credentials }: { endpoint: Identity["endpoint"]; credentials: CredentialSource }) =>
  connectKubeApi({ endpoint, credentials, userAgent: "test", env: {}, clock, log: silentLog });

async function whoAmI(api: KubeConnection, signal: AbortSignal): Promise<string> {
  const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
  return (await api.create<Review>(REVIEWS, review, signal)).status.userInfo.username;
}

/** A kubelet's identity in a folder of its own, as one start of it. */
function start(context: TestContext, name: string, over: Partial<IdentityOptions> = {}) {
  const stop = new AbortController();
  const said: string[] = [];
  const say = (message: string, fields?: object) => void said.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const log: Log = { ...silentLog, error: say, warn: say, info: say };
  const options: IdentityOptions = {
    kubeconfig: scratch.path(`${name}.conf`),
    bootstrapKubeconfig: "",
    certDir: scratch.path(`${name}-pki`),
    nodeName: name,
    rotateCertificates: false,
    ...over,
  };
  const listener = { failed: () => {}, rotated: () => {} };
  const deps = { files: createFiles(), clock, random: createRandom(), keys: createKeys(), log, listener };
  const opening = openIdentity(
    options,
    {
      ...deps,
      connect: (endpoint, credentials) => {
        const api = connect({ endpoint, credentials });
        return Object.assign(api, { [Symbol.asyncDispose]: async () => api.close() });
      },
    },
    stop.signal,
  );
  const running = opening.then((identity) => identity.run(stop.signal));
  running.catch(() => {});
  const close = async () => {
    stop.abort(new Error("stopped"));
    await running.catch(() => {});
  };
  context.after(close);
  return {
    opening,
    options,
    said,
    deps,
    signal: stop.signal,
    close,
    current: `${options.certDir}/kubelet-client-current.pem`,
  };
}

const bootstrapFile = (name: string): string =>
  plane.pki.writeKubeconfig(`${name}-bootstrap.conf`, { name: "b", user: { token: plane.bootstrapToken } });

/** Until the credentials are others than those. */
async function changed({ credentials }: Identity, from: unknown, signal: AbortSignal): Promise<void> {
  while ((await credentials.current(signal).catch(() => from)) === from) await sleep(100, undefined, { signal });
}

describe("a kubeconfig", () => {
  const SERVICE_ACCOUNT = "system:serviceaccount:default:default";
  let token: string;
  before(async () => {
    const path = "/api/v1/namespaces/default/serviceaccounts/default/token";
    const request = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
    token = (await plane.api.create(path, request)).status.token;
  });
  const withUser = (user: object) =>
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server: plane.pki.server, "certificate-authority": "plane/pki/ca.crt" } }],
      users: [{ name: "u", user }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      "current-context": "x",
    });

  const kinds: readonly [name: string, user: () => Promise<object>, username: string][] = [
    ["token", async () => ({ token }), SERVICE_ACCOUNT],
    [
      "token-file",
      async () => {
        writeFileSync(scratch.path("token"), `${token}\n`);
        return { tokenFile: "token" };
      },
      SERVICE_ACCOUNT,
    ],
    [
      "exec-token",
      async () => {
        const apiVersion = "client.authentication.k8s.io/v1";
        const credential = JSON.stringify({ apiVersion, kind: "ExecCredential", status: { token } });
        writeFileSync(scratch.path("plugin"), `#!/bin/sh\nprintf '%s' '${credential}'\n`);
        chmodSync(scratch.path("plugin"), 0o755);
        return { exec: { apiVersion, command: "./plugin", interactiveMode: "Never" } };
      },
      SERVICE_ACCOUNT,
    ],
    [
      "certificate",
      async () => {
        await plane.pki.issueFiles("node-files", { ...nodeSubject("certificate"), usages: ["client"] });
        return { "client-certificate": "plane/pki/node-files.crt", "client-key": "plane/pki/node-files.key" };
      },
      "system:node:certificate",
    ],
  ];
  for (const [name, user, username] of kinds) {
    test(`with ${name} lets the node in`, async (context) => {
      writeFileSync(scratch.path(`${name}.conf`), withUser(await user()));
      const { opening, signal } = start(context, name);
      const identity = await opening;
      await identity.ready;
      using api = closing(connect(identity));
      assert.equal(await whoAmI(api.api, signal), username);
    });
  }

  test("with another certificate put in its files: the next request is made with it", async (context) => {
    const put = async (node: string) => plane.pki.issueFiles("swapped", { ...nodeSubject(node), usages: ["client"] });
    await put("before");
    const user = { "client-certificate": "plane/pki/swapped.crt", "client-key": "plane/pki/swapped.key" };
    writeFileSync(scratch.path("swapped.conf"), withUser(user));
    const { opening, signal } = start(context, "swapped");
    const identity = await opening;
    using api = closing(connect(identity));
    assert.equal(await whoAmI(api.api, signal), "system:node:before");
    const old = await identity.credentials.current(signal);
    await put("after");
    await changed(identity, old, signal);
    assert.equal(await whoAmI(api.api, signal), "system:node:after");
  });

  test("with another CA put in its file: connections from then on trust that one", async (context) => {
    const { ca } = plane.pki;
    const other = (await Authority.make("other")).cert;
    writeFileSync(scratch.path("ca.crt"), other);
    const config = withUser({ token }).replace("plane/pki/ca.crt", "ca.crt");
    writeFileSync(scratch.path("ca.conf"), config);
    const { opening, signal } = start(context, "ca");
    const identity = await opening;
    using api = closing(connect(identity));
    await assert.rejects(whoAmI(api.api, signal), (error) => isFault(error, "api-unavailable"));
    const before = identity.endpoint();
    writeFileSync(scratch.path("ca.crt"), `${other}${ca}`);
    while (identity.endpoint() === before) await sleep(20, undefined, { signal });
    assert.equal(await whoAmI(api.api, signal), SERVICE_ACCOUNT);
  });

  test("that is not there, or names what is not there, is told of", async (context) => {
    await assert.rejects(
      start(context, "absent").opening,
      /kubeconfig \S+absent\.conf \(--kubeconfig\): there is no such file$/,
    );
    writeFileSync(scratch.path("dangling.conf"), withUser({ tokenFile: "nowhere" }));
    await assert.rejects(start(context, "dangling").opening, /token file \S+nowhere is missing$/);
  });
});

const closing = (api: KubeConnection) => ({ api, [Symbol.dispose]: () => api.close() });

describe("bootstrap", () => {
  test("without rotation: a certificate, and a kubeconfig that the next start uses", async (context) => {
    const bootstrapKubeconfig = bootstrapFile("plain");
    const first = start(context, "plain", { bootstrapKubeconfig });
    const identity = await first.opening;
    await identity.ready;
    using api = closing(connect(identity));
    assert.equal(await whoAmI(api.api, first.signal), "system:node:plain");
    await first.close();
    assert.match(
      first.said.join("\n"),
      /Asking for a client certificate with the bootstrap kubeconfig.*there is no kubeconfig/,
    );
    assert.ok((await plane.api.list(CSRS)).some(({ metadata }) => /^node-csr-/.test(metadata.name)));
    assert.match(readlinkSync(first.current), /kubelet-client-\d{4}(-\d\d){5}\.pem$/);
    assert.equal(statSync(first.current).mode & 0o777, 0o600);
    assert.equal(statSync(first.options.kubeconfig).mode & 0o777, 0o600);
    assert.match(readFileSync(first.options.kubeconfig, "utf8"), /client-key: \S+kubelet-client-current\.pem\n$/);
    assert.ok(!existsSync(`${first.options.certDir}/kubelet-client.key.tmp`));
    const kubectl = await plane.tryKubectl([`--kubeconfig=${first.options.kubeconfig}`, "auth", "whoami"]);
    assert.match(kubectl.stdout, /system:node:plain/);

    rmSync(bootstrapKubeconfig);
    const second = start(context, "plain", { bootstrapKubeconfig });
    using again = closing(connect(await second.opening));
    assert.equal(await whoAmI(again.api, second.signal), "system:node:plain");
    assert.deepEqual(second.said, []);
  });

  test("a certificate is renewed while a watch goes on; after its end the bootstrap kubeconfig mends all", async (context) => {
    const bootstrapKubeconfig = bootstrapFile("short");
    const options = { bootstrapKubeconfig, rotateCertificates: true };
    const first = start(context, "short", options);
    const identity = await first.opening;
    assert.ok(existsSync(first.options.kubeconfig), "kubeadm waits for it, so it is there before the certificate");
    await identity.ready;
    using api = closing(connect(identity));
    const services: Collection = { group: "", version: "v1", resource: "services" };
    const { resourceVersion } = await api.api.list(services, {}, first.signal);
    const opened = Promise.withResolvers<void>();
    const query = { resourceVersion, timeoutSeconds: 600, onOpen: opened.resolve };
    const events = api.api.watch(services, query, first.signal)[Symbol.asyncIterator]();
    const next = async () => {
      for (;;) {
        const { value, done } = await events.next();
        assert.ok(!done, "the watch has ended");
        if (value.type !== "BOOKMARK") return value.object.metadata?.name;
      }
    };
    const seen = next();
    await opened.promise;
    const old = await identity.credentials.current(first.signal);
    await changed(identity, old, first.signal);
    const renewed = await identity.credentials.current(first.signal);
    assert.notEqual(renewed.key, old.key);
    assert.equal(await whoAmI(api.api, first.signal), "system:node:short");
    const names = (await plane.api.list(CSRS)).filter(({ spec }) => spec.username === "system:node:short");
    assert.ok(names.length >= 1 && names.every(({ metadata }) => /^csr-/.test(metadata.name)));
    await plane.api.create("/api/v1/namespaces/default/services", {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "told" },
      spec: { ports: [{ port: 80 }] },
    });
    assert.equal(await seen, "told");
    await first.close();

    // The node is off until its certificate is worth nothing.
    const end = new X509Certificate(readFileSync(first.current)).validToDate.getTime();
    await sleep(Math.max(0, end - Date.now()) + 1000);
    const second = start(context, "short", options);
    const recovered = await second.opening;
    await recovered.ready;
    assert.match(second.said.join("\n"), /client certificate \S+kubelet-client-current\.pem expired at/);
    using after = closing(connect(recovered));
    assert.equal(await whoAmI(after.api, second.signal), "system:node:short");
  });

  test("a certificate in the kubeconfig is taken over and exchanged at once", async (context) => {
    await plane.pki.kubeconfigFile("../inline.conf", nodeSubject("inline"));
    const { opening, current, signal } = start(context, "inline", { rotateCertificates: true });
    const identity = await opening;
    const given = await identity.credentials.current(signal);
    await changed(identity, given, signal);
    using api = closing(connect(identity));
    assert.equal(await whoAmI(api.api, signal), "system:node:inline");
    const lives = new X509Certificate(readFileSync(current));
    assert.ok(lives.validToDate.getTime() - lives.validFromDate.getTime() <= (LIFE_SECONDS + 301) * 1000);
  });

  test("a denied request is said in words", async (context) => {
    // Nobody approves by himself any more.
    const binding = "kubeadm:node-autoapprove-bootstrap";
    await plane.kubectl("delete", "clusterrolebinding", binding);
    const denied = start(context, "denied", { bootstrapKubeconfig: bootstrapFile("denied"), rotateCertificates: true });
    const identity = await denied.opening;
    const name = await asked(identity, denied.signal);
    await plane.kubectl("certificate", "deny", name);
    while (!/was denied/.test(identity.trouble() ?? "")) await sleep(50, undefined, { signal: denied.signal });
    await assert.rejects(
      identity.credentials.current(denied.signal),
      new RegExp(`no good client certificate.*${name}.*denied`),
    );
  });
});

/** Name of the request that waits for somebody. */
async function asked(identity: Pick<Identity, "trouble">, signal: AbortSignal): Promise<string> {
  for (;;) {
    const [, name] = /^certificate signing request (\S+) waits/.exec(identity.trouble() ?? "") ?? [];
    if (name !== undefined) return name;
    await sleep(50, undefined, { signal });
  }
}

test("a serving certificate names the node's addresses, once somebody approves it", async (context) => {
  await plane.pki.kubeconfigFile("../serving.conf", nodeSubject("serving"));
  const { opening, options, deps, signal } = start(context, "serving");
  using api = closing(connect(await opening));
  const node = { certDir: options.certDir, nodeName: "serving", certFile: "", keyFile: "", dnsOnly: false };
  const addresses = () => [
    { type: "InternalIP", address },
    { type: "Hostname", address: "serving" },
  ];
  const serving = await openServingCertificate(node, { ...deps, api: api.api, addresses });
  const running = serving.run(signal).catch(() => {});
  context.after(() => running);
  const name = await asked(serving, signal);
  const current = `${options.certDir}/kubelet-server-current.pem`;
  assert.ok(!existsSync(current));
  await plane.kubectl("certificate", "approve", name);
  while (serving.expiresAt() === undefined) await sleep(50, undefined, { signal });
  const { subject, subjectAltName } = new X509Certificate(readFileSync(current));
  assert.match(subject, /O=system:nodes\nCN=system:node:serving/);
  assert.equal(subjectAltName, `DNS:serving, IP Address:${address}`);
});
