import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "../base/fault.ts";
import { decodeKubeconfig, type Kubeconfig, readKubeconfig } from "./kubeconfig.ts";
import { kubeconfigText } from "./kubeconfig-text.ts";

const PATH = "/etc/kubernetes/kubelet.conf";
const PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const DATA = Buffer.from(PEM).toString("base64");

type Fields = { readonly [name: string]: unknown };
const document = (user: Fields, cluster: Fields = {}, rest: Fields = {}) => ({
  apiVersion: "v1",
  kind: "Config",
  clusters: [{ name: "c", cluster: { server: "https://10.0.0.1:6443", ...cluster } }],
  users: [{ name: "u", user }],
  contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
  "current-context": "x",
  ...rest,
});

/** What is wrong, each as "field message". */
function problemsOf(value: unknown): readonly string[] {
  try {
    decodeKubeconfig(value, PATH);
  } catch (error) {
    assert.ok(isFault(error, "config-invalid"), String(error));
    assert.ok(error.message.startsWith(`Cannot use kubeconfig ${PATH}: `));
    return error.fault.problems.map(({ field, message }) => `${field} ${message}`);
  }
  return [];
}

test("decodeKubeconfig() reads the cluster and the user of the current context", () => {
  const other = { name: "other", cluster: { server: 5 } };
  const value = document({ token: "t" }, { "certificate-authority-data": DATA, "tls-server-name": "api.internal" });
  assert.deepEqual(decodeKubeconfig({ ...value, clusters: [other, ...value.clusters] }, PATH), {
    path: PATH,
    cluster: {
      server: "https://10.0.0.1:6443",
      ca: { text: PEM },
      tlsServerName: "api.internal",
      insecureSkipTlsVerify: false,
      proxyUrl: undefined,
    },
    user: { certificate: undefined, token: "t", tokenFile: undefined, basic: undefined, exec: undefined },
    warnings: [],
  } satisfies Kubeconfig);
});

test("paths are relative to the folder of the kubeconfig, a plugin's bare name is not", () => {
  const certificate = { "client-certificate": "pki/c.pem", "client-key": "/abs/k.pem" };
  const { user, cluster } = decodeKubeconfig(document(certificate, { "certificate-authority": "../ca.crt" }), PATH);
  assert.deepEqual(user.certificate, { cert: { file: "/etc/kubernetes/pki/c.pem" }, key: { file: "/abs/k.pem" } });
  assert.deepEqual(cluster.ca, { file: "/etc/ca.crt" });
  assert.equal(decodeKubeconfig(document({ tokenFile: "token" }), PATH).user.tokenFile, "/etc/kubernetes/token");
  const commandOf = (command: string) =>
    decodeKubeconfig(document({ exec: { ...EXEC, command } }), PATH).user.exec?.command;
  assert.equal(commandOf("aws"), "aws");
  assert.equal(commandOf("./bin/aws"), "/etc/kubernetes/bin/aws");
});

const EXEC = { apiVersion: "client.authentication.k8s.io/v1", command: "aws", interactiveMode: "Never" };

test("an exec plugin is read whole, with what the cluster has for it", () => {
  const exec = {
    ...EXEC,
    args: ["eks", "get-token"],
    env: [{ name: "AWS_PROFILE", value: "node" }],
    installHint: "apt install \u001b[31maws",
    provideClusterInfo: true,
  };
  const extensions = [{ name: "client.authentication.k8s.io/exec", extension: { audience: "a" } }];
  assert.deepEqual(decodeKubeconfig(document({ exec }, { extensions }), PATH).user.exec, {
    apiVersion: "client.authentication.k8s.io/v1",
    command: "aws",
    args: ["eks", "get-token"],
    env: [{ name: "AWS_PROFILE", value: "node" }],
    installHint: "apt install [31maws",
    clusterInfo: { config: { audience: "a" } },
  });
});

const refused: readonly [name: string, value: unknown, problems: readonly RegExp[]][] = [
  ["no object", [], [/^ must be an object, is a list/, /current-context is required/]],
  ["another kind", { ...document({}), kind: "Pod" }, [/^kind must be "Config"/]],
  ["another version", { ...document({}), apiVersion: "v2" }, [/^apiVersion must be "v1"/]],
  ["no current context", document({}, {}, { "current-context": "" }), [/^current-context is required/]],
  [
    "an unknown context",
    document({}, {}, { "current-context": "y" }),
    [/^current-context names "y", which is not in contexts/],
  ],
  [
    "an unknown cluster",
    document({}, {}, { clusters: [{ name: "cc" }] }),
    [/^contexts\[0\]\.context\.cluster names "c".*did you mean "cc"\?/],
  ],
  ["no server", document({}, { server: "" }), [/^clusters\[0\]\.cluster\.server is required/]],
  ["a server without scheme", document({}, { server: "10.0.0.1:6443" }), [/server must be a URL like/]],
  ["a password in the server's URL", document({}, { server: "https://a:b@c" }), [/server must not hold a user name/]],
  ["a number as server", document({}, { server: 1 }), [/server must be a string, is a number/]],
  ["a proxy of another kind", document({}, { "proxy-url": "ftp://x" }), [/proxy-url must be a URL that begins with/]],
  [
    "CA and no verification",
    document({}, { "certificate-authority": "a", "insecure-skip-tls-verify": true }),
    [/insecure-skip-tls-verify excludes/],
  ],
  ["text as a flag", document({}, { "insecure-skip-tls-verify": "yes" }), [/must be true or false, is a string/]],
  ["a certificate without key", document({ "client-certificate": "c" }), [/client-key is required/]],
  ["a key without certificate", document({ "client-key": "c" }), [/client-certificate is required/]],
  [
    "data that is no base64",
    document({ "client-key-data": "?", "client-certificate-data": DATA }),
    [/client-key-data must be base64 of a PEM/],
  ],
  [
    "data that is no PEM",
    document({}, { "certificate-authority-data": "AAAA" }),
    [/certificate-authority-data must be base64 of a PEM/],
  ],
  ["two ways in", document({ token: "t", username: "u" }), [/token excludes username/]],
  ["a token of two lines", document({ token: "a\nb" }), [/token must be one line/]],
  ["an auth provider", document({ "auth-provider": { name: "oidc" } }), [/auth-provider is not supported: use exec/]],
  [
    "impersonation",
    document({ token: "t", as: "root", "as-groups": ["g"] }),
    [/as is not supported/, /as-groups is not supported/],
  ],
  [
    "a plugin without mode",
    document({ exec: { ...EXEC, interactiveMode: "" } }),
    [/exec\.interactiveMode is required/],
  ],
  [
    "a plugin that needs a terminal",
    document({ exec: { ...EXEC, interactiveMode: "Always" } }),
    [/Always needs a terminal/],
  ],
  [
    "a plugin of an old version",
    document({ exec: { ...EXEC, apiVersion: "client.authentication.k8s.io/v1alpha1" } }),
    [/exec\.apiVersion must be one of/],
  ],
  ["a plugin without command", document({ exec: { ...EXEC, command: null } }), [/exec\.command is required/]],
  [
    "a plugin with a bad variable",
    document({ exec: { ...EXEC, env: [{ value: "x" }, { name: "a=b" }] } }),
    [/exec\.env\[0\]\.name is required/, /exec\.env\[1\]\.name must not contain "="/],
  ],
  [
    "a name twice",
    document(
      {},
      {},
      {
        users: [
          { name: "u", user: {} },
          { name: "u", user: {} },
        ],
      },
    ),
    [/^users\[1\]\.name repeats "u"/],
  ],
  ["a list that is none", document({}, {}, { contexts: {} }), [/^contexts must be a list/, /current-context names/]],
];
for (const [name, value, problems] of refused) {
  test(`decodeKubeconfig() refuses ${name}`, () => {
    const found = problemsOf(value);
    assert.equal(found.length, problems.length, found.join("\n"));
    for (const [index, pattern] of problems.entries()) assert.match(found[index] ?? "", pattern);
  });
}

const warned: readonly [name: string, value: unknown, warning: RegExp][] = [
  [
    "an unknown field",
    document({ tokenfile: "x", token: "t" }),
    /users\[0\]\.user\.tokenfile is no known field; did you mean tokenFile\?; ignored$/,
  ],
  ["no credentials", document({}), /the user of context "x" has no credentials: it is anonymous$/],
  [
    "a plugin that is not run",
    document({ exec: EXEC, token: "t" }),
    /exec is not run, because the user has token too$/,
  ],
  [
    "credentials over http",
    document({ token: "t" }, { server: "http://10.0.0.1:8080" }),
    /token of the user are not sent, because the server's URL begins with http:\/\/$/,
  ],
  [
    "a path beside data",
    document({ token: "t" }, { "certificate-authority": "a", "certificate-authority-data": DATA }),
    /certificate-authority is not read, because of certificate-authority-data$/,
  ],
];
for (const [name, value, warning] of warned) {
  test(`decodeKubeconfig() warns of ${name}`, () => {
    const { warnings } = decodeKubeconfig(value, PATH);
    assert.equal(warnings.length, 1, warnings.join("\n"));
    assert.match(warnings[0] ?? "", warning);
  });
}

test("no secret gets into a message", () => {
  const secret = "s3cr3t";
  const value = document(
    {
      token: [secret],
      password: { a: secret },
      "client-key-data": secret,
      exec: { ...EXEC, env: secret, interactiveMode: secret },
    },
    { "proxy-url": secret },
  );
  assert.ok(problemsOf(value).length >= 5);
  assert.ok(!problemsOf(value).join("\n").includes(secret));
});

test("readKubeconfig() reads YAML and JSON, and says where a file is broken", async () => {
  const json = JSON.stringify(document({ token: "t" }));
  const read = (text: string) => readKubeconfig(Buffer.from(text), PATH);
  assert.equal((await read(json)).user.token, "t");
  const two = await read(`${json}\n---\n${json}`);
  assert.match(two.warnings.join(), /holds 1 more documents, which are not read/);
  for (const text of ["", "a: [", "\0", "apiVersion: v1\napiVersion: v1"])
    await assert.rejects(read(text), (error) => isFault(error, "config-invalid") && error.message.includes(PATH));
});

test("whatever a kubeconfig holds, it is read or refused", () => {
  const anything = fc.anything({ withNullPrototype: true, maxDepth: 4 });
  const field = fc.constantFrom("server", "certificate-authority-data", "proxy-url", "token", "exec", "as", "username");
  const fields = fc.dictionary(field, anything);
  fc.assert(
    fc.property(
      fc.oneof(
        anything,
        fc.tuple(fields, fields, fields).map(([a, b, c]) => document(a, b, c)),
      ),
      (value) => {
        for (const problem of problemsOf(value)) assert.ok(problem.length < 500);
      },
    ),
    { numRuns: 300 },
  );
});

const rewritten: readonly Kubeconfig["cluster"][] = [
  {
    server: "https://10.0.0.1:6443",
    ca: { text: PEM },
    tlsServerName: undefined,
    insecureSkipTlsVerify: false,
    proxyUrl: undefined,
  },
  {
    server: "https://a/b",
    ca: { file: "/etc/ca: #.crt" },
    tlsServerName: "n",
    insecureSkipTlsVerify: false,
    proxyUrl: "http://p",
  },
  { server: "https://a", ca: undefined, tlsServerName: undefined, insecureSkipTlsVerify: true, proxyUrl: undefined },
];
test("kubeconfigText() writes what readKubeconfig() reads", async () => {
  for (const cluster of rewritten) {
    const pem = "/var/lib/kubelet/pki/kubelet-client-current.pem";
    const read = await readKubeconfig(Buffer.from(await kubeconfigText(cluster, pem)), PATH);
    assert.deepEqual(read.cluster, cluster);
    assert.deepEqual(read.user.certificate, { cert: { file: pem }, key: { file: pem } });
    assert.deepEqual(read.warnings, []);
  }
});

test("kubeconfigText() has upstream's shape", async () => {
  const [cluster] = rewritten;
  assert.ok(cluster);
  assert.equal(
    await kubeconfigText({ ...cluster, ca: { text: "x" } }, "/p.pem"),
    `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: eA==
    server: https://10.0.0.1:6443
  name: default-cluster
contexts:
- context:
    cluster: default-cluster
    namespace: default
    user: default-auth
  name: default-context
current-context: default-context
kind: Config
users:
- name: default-auth
  user:
    client-certificate: /p.pem
    client-key: /p.pem
`,
  );
});
