import assert from "node:assert/strict";
import { test } from "node:test";
import type { Log } from "../base/log.ts";
import type { Pod, Secret } from "../model/kubernetes.ts";
import type { ReferencedObjects } from "../ports/referenced.ts";
import { podCredentials } from "./pull-credentials.ts";

const { signal } = new AbortController();
const base64 = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64");
const entry = (username: string, password: string, more: object = {}) => ({
  auth: base64(`${username}:${password}`),
  ...more,
});

const SECRETS: Readonly<Record<string, Partial<Secret>>> = {
  json: {
    type: "kubernetes.io/dockerconfigjson",
    data: { ".dockerconfigjson": base64({ auths: { "r.io": entry("a", "1"), "r.io/team": entry("b", "2") } }) },
  },
  cfg: {
    type: "kubernetes.io/dockercfg",
    data: { ".dockercfg": base64({ "r.io": entry("c", "<3>", { email: "e@x" }) }) },
  },
  opaque: { type: "Opaque", data: { ".dockerconfigjson": base64({ auths: { "r.io": entry("x", "9") } }) } },
  broken: { type: "kubernetes.io/dockerconfigjson", data: { ".dockerconfigjson": base64("{hunter2") } },
};

function ask(image: string, names: readonly (string | undefined)[]) {
  const lines: string[] = [];
  const note = (...line: unknown[]) => void lines.push(JSON.stringify(line));
  const log: Log = { error: note, warn: note, info: note, debug: note, with: () => log };
  const objects = {
    find: async (_: string, namespace: string, name: string) => {
      if (name === "later") throw new Error("failed to sync secret cache");
      return SECRETS[name] && { metadata: { namespace, name, uid: `uid-${name}` }, ...SECRETS[name] };
    },
  } as unknown as ReferencedObjects;
  const pod: Pod = {
    metadata: { name: "p", namespace: "n" },
    spec: { containers: [], imagePullSecrets: names.map((name) => ({ name })) },
  };
  const read = podCredentials(async () => [{ username: "node", password: "0" }], objects, log);
  return read(image, pod, signal).then((credentials) => ({ ...credentials, lines }));
}

const CASES: readonly [
  what: string,
  image: string,
  names: readonly (string | undefined)[],
  users: string[],
  missing: string[],
][] = [
  ["the node's alone", "r.io/app:1", [], ["node"], []],
  ["a secret's before the node's", "r.io/app:1", ["json"], ["a", "node"], []],
  [
    "the most specific path first, whichever secret has it",
    "r.io/team/app:1",
    ["cfg", "json"],
    ["b", "c", "a", "node"],
    [],
  ],
  ["none of other registries", "other.io/app:1", ["json", "cfg"], ["node"], []],
  ["no secret without a name", "r.io/app:1", ["", undefined, "cfg"], ["c", "node"], []],
  ["what there is beside what is missing", "r.io/app:1", ["gone", "json", "later"], ["a", "node"], ["gone", "later"]],
  ["nothing of a secret of another type", "r.io/app:1", ["opaque"], ["node"], ["opaque"]],
  ["nothing of a secret that can't be read", "r.io/app:1", ["broken"], ["node"], ["broken"]],
];
for (const [what, image, names, users, missing] of CASES) {
  test(`podCredentials() gives ${what}`, async () => {
    const credentials = await ask(image, names);
    assert.deepEqual(
      credentials.found.map(({ auth }) => auth.username),
      users,
    );
    assert.deepEqual(credentials.missing, missing);
    assert.ok(!/hunter2|"password"/.test(credentials.lines.join()), "nothing of a secret is logged");
  });
}

test("podCredentials() says where a credential came from, with the hash that upstream's records hold", async () => {
  const { found } = await ask("r.io/app:1", ["cfg"]);
  assert.deepEqual(found[0]?.secret, {
    namespace: "n",
    name: "cfg",
    uid: "uid-cfg",
    // Of {"username":"c","password":"\u003c3\u003e","email":"e@x"}, as Go's encoder writes it.
    credentialHash: "e8cf8a86e265d2ab736d2010419ebc8db2598c6574785c375a3f944093e04fdf",
  });
  assert.deepEqual(found[0]?.auth, { username: "c", password: "<3>" });
  assert.equal(found[1]?.secret, undefined);
});
