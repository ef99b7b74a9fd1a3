import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "../model/kubernetes.ts";
import { configMapValues, secretValues } from "../model/object-values.ts";
import { cleaned, downwardFiles, type KeySelection, keyFiles, type Payload, together } from "./payload.ts";

const text = (payload: Payload): Record<string, string> =>
  Object.fromEntries(
    [...payload].map(([path, { content, mode }]) => [path, `${Buffer.from(content)} ${mode.toString(8)}`]),
  );
const from = configMapValues({ data: { a: "1", b: "2" }, binaryData: { c: Buffer.from("3").toString("base64") } });
const missing = (key: string) => `no ${key}`;

const SELECTIONS: readonly [what: string, selection: KeySelection, expected: Record<string, string> | RegExp][] = [
  ["all keys", {}, { a: "1 644", b: "2 644", c: "3 644" }],
  ["the named ones", { items: [{ key: "b", path: "x/y" }] }, { "x/y": "2 644" }],
  ["a mode of their own", { items: [{ key: "c", path: "c", mode: 0o400 }] }, { c: "3 400" }],
  ["mode 0", { items: [{ key: "c", path: "c", mode: 0 }] }, { c: "3 0" }],
  ["no absent key", { items: [{ key: "z", path: "z" }] }, /^no z$/],
  [
    "an absent key where it is optional",
    {
      optional: true,
      items: [
        { key: "z", path: "z" },
        { key: "a", path: "a" },
      ],
    },
    { a: "1 644" },
  ],
];
for (const [what, selection, expected] of SELECTIONS) {
  test(`keyFiles() takes ${what}`, () => {
    const files = () => keyFiles(from, selection, 0o644, missing);
    if (expected instanceof RegExp) assert.throws(files, { message: expected });
    else assert.deepEqual(text(files()), expected);
  });
}

test("values of objects that the API server would not send are refused, and never shown", () => {
  const odd = (data: unknown) => ({ data: data as Record<string, string> });
  assert.throws(() => configMapValues(odd({ k: 7 })), { message: "the value of key k is no text" });
  assert.throws(() => secretValues(odd({ k: { password: "hunter2" } })), { message: "the value of key k is no text" });
  assert.throws(() => configMapValues(odd({ k: "x".repeat(5e6) })), /more than the 4194304 bytes/);
  assert.equal(secretValues({ data: undefined }).size, 0);
});

const GOOD: readonly [path: string, clean: string][] = [
  ["a", "a"],
  ["a/b/c", "a/b/c"],
  ["./a//b/", "a/b"],
  [".a", ".a"],
  ["a/..b", "a/..b"],
  ["a...", "a..."],
  ["ä".repeat(127), "ä".repeat(127)],
];
for (const [path, clean] of GOOD) {
  test(`cleaned() takes ${JSON.stringify(path).slice(0, 20)}`, () => {
    assert.deepEqual([...cleaned(new Map([[path, { content: new Uint8Array(), mode: 0 }]])).keys()], [clean]);
  });
}

const BAD: readonly [path: string, message: RegExp][] = [
  ["", /must not be empty/],
  [".", /must not be empty/],
  ["/a", /must be relative path: \/a$/],
  ["..", /must not contain '..': ..$/],
  ["a/../b", /must not contain '..'/],
  ["a/..", /must not contain '..'/],
  ["..a", /must not start with '..': ..a$/],
  ["..data", /must not start with '..'/],
  ["./..data/a", /must not start with '..'/],
  ["a\0b", /NUL/],
  ["x".repeat(256), /filenames must be less than or equal to 255/],
  ["ä".repeat(128), /filenames must be less than or equal to 255/],
  [`${"x".repeat(200)}/`.repeat(21), /less than or equal to 4096/],
];
for (const [path, message] of BAD) {
  test(`cleaned() refuses ${JSON.stringify(path).slice(0, 20)}`, () => {
    assert.throws(() => cleaned(new Map([[path, { content: new Uint8Array(), mode: 0 }]])), { message });
  });
}

test("cleaned() refuses a file below a file", () => {
  const file = { content: new Uint8Array(), mode: 0 };
  const both: Payload = new Map([
    ["a", file],
    ["a/b", file],
  ]);
  assert.throws(() => cleaned(both), /a\/b lies below a, which is a file/);
});

const pod: Pod = {
  metadata: { name: "p", namespace: "n", uid: "u", labels: { b: "2", a: '1"' }, annotations: { x: "y" } },
  spec: { containers: [{ name: "c", resources: { limits: { cpu: "1500m" } } }] },
};
const facts = { nodeName: "node", allocatable: { memory: "1Gi" } };

test("downwardFiles() shows what a pod is, and what its containers may use", () => {
  const ref = (path: string, fieldPath: string) => ({ path, fieldRef: { fieldPath } });
  const items = [
    ref("name", "metadata.name"),
    ref("labels", "metadata.labels"),
    ref("x", "metadata.annotations['x']"),
    ref("none", "metadata.annotations['constructor']"),
    { path: "d//cpu", mode: 0o400, resourceFieldRef: { containerName: "c", resource: "limits.cpu" } },
    { path: "mem", resourceFieldRef: { containerName: "c", resource: "limits.memory", divisor: "1Mi" } },
  ];
  assert.deepEqual(text(downwardFiles(items, pod, facts, 0o644)), {
    name: "p 644",
    labels: 'a="1\\""\nb="2" 644',
    x: "y 644",
    none: " 644",
    "d/cpu": "2 400",
    mem: "1024 644",
  });
});

test("downwardFiles() tells all that is wrong, and no addresses", () => {
  const items = [
    { path: "ip", fieldRef: { fieldPath: "status.podIP" } },
    { path: "who", resourceFieldRef: { containerName: "z", resource: "limits.cpu" } },
  ];
  assert.throws(() => downwardFiles(items, pod, facts, 0o644), {
    message: "[unsupported fieldPath: status.podIP, container z not found]",
  });
});

test("together() joins messages once each", () => {
  assert.equal(together(["a", "a"]), "a");
  assert.equal(together(["a", "b", "a"]), "[a, b]");
});
