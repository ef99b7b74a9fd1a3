import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../base/log.ts";
import { credentialsFor, parseDockerConfig } from "./credentials.ts";
import { nodeCredentials } from "./node-credentials.ts";
import { parseImage } from "./reference.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const config = (...servers: readonly string[]) =>
  JSON.stringify({ auths: Object.fromEntries(servers.map((server) => [server, { auth: base64(`${server}:pw`) }])) });

/** Which servers' credentials are tried for an image. */
function tried(servers: readonly string[], image: string): readonly string[] {
  const reference = parseImage(image);
  assert.ok(typeof reference !== "string");
  const { auths } = parseDockerConfig(config(...servers), "config.json");
  return credentialsFor(reference, auths).map(({ username, password }) => `${username}:${password}`.slice(0, -3));
}

const lookups: readonly [name: string, servers: readonly string[], image: string, expected: readonly string[]][] = [
  ["nothing for another registry", ["a.io"], "b.io/x", []],
  ["the registry", ["a.io", "b.io"], "b.io/x", ["b.io"]],
  [
    "longer paths first",
    ["a.io", "a.io/team/sub", "a.io/team"],
    "a.io/team/sub/x",
    ["a.io/team/sub", "a.io/team", "a.io"],
  ],
  ["a path as plain prefix", ["a.io/te"], "a.io/team/x", ["a.io/te"]],
  ["not another path", ["a.io/other"], "a.io/team/x", []],
  ["the same port only", ["a.io:5000", "a.io"], "a.io:5000/x", ["a.io:5000"]],
  ["a glob for one part", ["*.a.io"], "x.a.io/y", ["*.a.io"]],
  ["a glob not for two parts", ["*.a.io"], "x.y.a.io/z", []],
  ["a glob of one letter", ["?.a.io"], "x.a.io/y", ["?.a.io"]],
  ["an entry with scheme and version", ["https://a.io/v1/"], "a.io/x", ["https://a.io/v1"]],
  ["Docker Hub by its old name", ["https://index.docker.io/v1/"], "busybox", ["https://index.docker.io/v1"]],
  ["Docker Hub by its name", ["docker.io"], "user/app", ["docker.io"]],
];
for (const [name, servers, image, expected] of lookups) {
  test(`credentialsFor() gives ${name}`, () => {
    const names = tried(servers, image).map((server) => server.replace(/\/$/, ""));
    assert.deepEqual(names, expected);
  });
}

test("parseDockerConfig() reads every way to write credentials", () => {
  const { auths, problems } = parseDockerConfig(
    JSON.stringify({
      auths: {
        "a.io": { auth: base64("me:pa:ss") },
        "b.io": { username: "u", password: "p" },
        "c.io": { auth: base64("me:x").replaceAll("=", ""), identitytoken: "tok" },
        "d.io": { auth: "%%%" },
        "e.io": { auth: base64("nocolon") },
        "f.io": "text",
      },
      credsStore: "desktop",
    }),
    "config.json",
  );
  assert.deepEqual(Object.fromEntries(auths), {
    "a.io": [{ username: "me", password: "pa:ss" }],
    "b.io": [{ username: "u", password: "p" }],
    "c.io": [{ username: "me", password: "x", identityToken: "tok" }],
  });
  assert.deepEqual(problems, [
    "d.io: auth is not base64",
    "e.io: auth must be base64 of username:password",
    "f.io: not an object",
  ]);
});

test("parseDockerConfig() does not show the text of a broken file", () => {
  assert.throws(() => parseDockerConfig('{"auths": secret', "config.json"), { message: "not valid JSON" });
  assert.throws(() => parseDockerConfig("[]", ".dockercfg"), { message: "not a JSON object" });
});

test("nodeCredentials() takes the first file that is valid", async () => {
  const files = new Map([
    ["/root/kubelet/config.json", "broken"],
    ["/home/me/.docker/config.json", config("a.io")],
    ["/.dockercfg", JSON.stringify({ "b.io": { username: "old", password: "p" } })],
  ]);
  const read = async (path: string) => {
    const text = files.get(path);
    return text === undefined ? undefined : new TextEncoder().encode(text);
  };
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (message: string) => warnings.push(message) };
  const find = nodeCredentials({ rootDir: "/root/kubelet", homeDir: "/home/me" }, { read }, log);
  assert.deepEqual(await find("a.io/x:1"), [{ username: "a.io", password: "pw" }]);
  assert.deepEqual(warnings, ["Cannot use registry credentials file"]);
  files.delete("/home/me/.docker/config.json");
  assert.deepEqual(await find("b.io/x:1"), [{ username: "old", password: "p" }]);
  assert.deepEqual(await find("a.io/x:1"), []);
});
