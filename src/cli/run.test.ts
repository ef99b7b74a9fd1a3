import assert from "node:assert/strict";
import { test } from "node:test";
import { KubeletError } from "../base/fault.ts";
import type { Pod } from "../model/kubernetes.ts";
import type { CountedEvent } from "../node/index.ts";
import type { LocalClient } from "../ports/http-server.ts";
import { runFake } from "./fake-io.ts";
import type { VerbIo } from "./io.ts";
import { isVerb } from "./run.ts";

const never = new AbortController().signal;
const at = "2026-01-01T00:00:00Z";
const pod = (name: string, namespace: string, containers: readonly string[]): Pod => ({
  metadata: {
    name,
    namespace,
    uid: `uid-${name}-${namespace}`,
    creationTimestamp: at,
    annotations: { "kubernetes.io/config.source": "file" },
  },
  spec: {
    nodeName: "n1",
    restartPolicy: "Always",
    containers: containers.map((one) => ({ name: one, image: "web:1" })),
    volumes: [{ name: "tmp", emptyDir: { medium: "Memory" } }],
  },
  status: {
    phase: "Running",
    podIP: "10.1.0.5",
    qosClass: "BestEffort",
    conditions: [{ type: "Ready", status: "True", lastTransitionTime: at }],
    containerStatuses: containers.map((one) => ({
      name: one,
      image: "web:1",
      imageID: "",
      ready: true,
      restartCount: 1,
      containerID: `containerd://${one}`,
      state: { running: { startedAt: at } },
      lastState: { terminated: { exitCode: 1, reason: "Error", finishedAt: at, containerID: "containerd://old" } },
    })),
  },
});
const event: CountedEvent = {
  type: "Warning",
  reason: "BackOff",
  message: "Back-off restarting failed container",
  about: { kind: "pod", uid: "uid-web-n1-default", name: "web-n1", namespace: "default" },
  count: 3,
  firstAt: Date.parse(at),
  lastAt: Date.parse(at) + 60_000,
};
const started: CountedEvent = {
  type: "Normal",
  reason: "Started",
  message: "Container started",
  about: { ...event.about, fieldPath: "spec.containers{main}" } as CountedEvent["about"],
  count: 1,
  firstAt: Date.parse(at),
  lastAt: Date.parse(at) + 60_000,
};
const pods = [
  pod("web-n1", "default", ["main"]),
  pod("two-n1", "default", ["a", "b"]),
  pod("twin", "x", ["main"]),
  pod("twin", "y", ["main"]),
];

const answers: { readonly [path: string]: unknown } = {
  "/pods": {
    items: pods,
    rejectedManifests: [
      { source: "/m/bad.yaml", message: "not used", problems: [{ field: "spec.containers", message: "is missing" }] },
    ],
  },
  "/local/node": { nodeName: "n1", health: [] },
  "/local/events": [event, started],
  "/local/timeline": [{ at, text: "pulling image web:1" }],
  "/local/config": {
    options: [{ option: "maxPods", value: 7, origin: "file /k.yaml", effect: "yes" }],
    versioned: { kind: "KubeletConfiguration", maxPods: 7 },
  },
};

/** A kubelet of canned answers; a log is what was asked for. */
const client: LocalClient = {
  async get(target) {
    const [path = "", query = ""] = target.split("?");
    const uid = new URLSearchParams(query).get("uid");
    const known = path === "/local/events" && uid !== null && uid !== "uid-web-n1-default" ? [] : answers[path];
    const refused = query.includes("sinceTime=x");
    const text =
      known === undefined ? `${refused ? "Unable to decode query." : `${path}?${query}`}\n` : JSON.stringify(known);
    return {
      status: refused ? 400 : 200,
      body: (async function* () {
        yield Buffer.from(text);
      })(),
    };
  },
};

async function run(line: string, over: { readonly errno?: string; readonly env?: VerbIo["env"] } = {}) {
  const sockets: string[] = [];
  const doors: Partial<VerbIo> = {
    env: over.env ?? {},
    now: () => new Date(Date.parse(at) + 90_000),
    connect: (path) => {
      sockets.push(path);
      const { errno } = over;
      return errno === undefined
        ? client
        : { get: () => Promise.reject(new KubeletError("no", { code: "file-failed", path, errno })) };
    },
    configDeps: () => ({
      facts: { cgroupVersion: 2, hostname: "n1", cwd: "/" },
      readFile: () => Promise.reject(new Error("no file")),
      listConfigDir: async () => [],
    }),
  };
  return { ...(await runFake(line, doors, never)), sockets };
}

test("isVerb() tells a verb from flags", () => {
  assert.deepEqual([["get", "pods"], ["--config", "x"], []].map(isVerb), [true, false, false]);
});

test("get pods shows a table, and manifests that are no pods aside", async () => {
  const { code, out, complaints } = await run("get pods");
  assert.equal(code, 0);
  assert.equal(
    out,
    `NAMESPACE  NAME    READY  STATUS   RESTARTS     AGE
default    two-n1  2/2    Running  2 (90s ago)  90s
default    web-n1  1/1    Running  1 (90s ago)  90s
x          twin    1/1    Running  1 (90s ago)  90s
y          twin    1/1    Running  1 (90s ago)  90s
`,
  );
  assert.equal(complaints, "Manifest /m/bad.yaml: not used\n  spec.containers is missing");
});

test("get pods -o wide adds address, node and images", async () => {
  const { out } = await run("get pods web -o wide");
  assert.match(out, /IP\s+NODE\s+IMAGES\n.*10\.1\.0\.5\s+n1\s+web:1\n$/);
});

test("get pods -o json and yaml give whole objects and nothing else", async () => {
  const list = JSON.parse((await run("get pods -n default -o json")).out);
  assert.deepEqual([list.kind, list.items.length, list.items[0].kind], ["List", 2, "Pod"]);
  assert.equal(JSON.parse((await run("get pod web -o json")).out).metadata.name, "web-n1");
  assert.match((await run("get pods -o yaml")).out, /^apiVersion: v1\nkind: List\n/);
});

const logs: readonly { line: string; asks: string }[] = [
  { line: "logs web", asks: "/containerLogs/default/web-n1/main?" },
  { line: "logs --tail=1 web-n1 -c main", asks: "/containerLogs/default/web-n1/main?tailLines=1" },
  { line: "logs --tail -1 web", asks: "/containerLogs/default/web-n1/main?" },
  { line: "logs -f -p two b", asks: "/containerLogs/default/two-n1/b?follow=true&previous=true" },
  {
    line: "logs -n y --timestamps --since 1h30m twin",
    asks: "/containerLogs/y/twin/main?timestamps=true&sinceSeconds=5400",
  },
  {
    line: "logs web --limit-bytes 9 --since-time t",
    asks: "/containerLogs/default/web-n1/main?limitBytes=9&sinceTime=t",
  },
];
for (const { line, asks } of logs) {
  test(`${line} asks for the right log`, async () => assert.equal((await run(line)).out, `${asks}\n`));
}

test("describe pod tells the whole story", async () => {
  const { out } = await run("describe pod web");
  for (const part of [
    /^Name: +web-n1$/m,
    /^Source: +file$/m,
    /^ {4}State: +running since 2026-01-01T00:00:00Z \(90s\)$/m,
    /^ {4}Last state: +ended 90s ago, Error \(exit code 1\)$/m,
    /^ {4}Restarts: +1$/m,
    /^Volumes:\n {2}tmp {2}emptyDir {2}medium=Memory$/m,
    /^Timeline:\n {2}90s {2}pulling image web:1$/m,
    /^Events:\n {2}30s \(3 times in 90s\) {2}Warning {2}BackOff {2}Back-off restarting failed container$/m,
    /^ {2}30s {2,}Normal +Started +spec\.containers\{main\}: Container started$/m,
  ]) {
    assert.match(out, part);
  }
});

test("events lists what happened, of all or of one pod", async () => {
  assert.match(
    (await run("events")).out,
    /^LAST SEEN .*\n30s \(3 times in 90s\) +Warning +BackOff +pod\/default\/web-n1 +Back-off.*\n30s +Normal +Started +pod\/default\/web-n1 +spec\.containers\{main\}: Container started$/m,
  );
  assert.equal((await run("events two")).complaints, "No events");
  assert.equal(JSON.parse((await run("events -o json")).out).length, 2);
});

test("config view shows the running kubelet's, or what the flags would give", async () => {
  assert.match((await run("config view --effective")).out, /^maxPods +7 +yes +file \/k\.yaml$/m);
  assert.match((await run("config view")).out, /^maxPods: 7$/m);
  const flags = await run("config view --effective -o json --max-pods=9");
  const row = JSON.parse(flags.out).find((one: { option: string }) => one.option === "maxPods");
  assert.deepEqual([row.value, row.origin], [9, "flag --max-pods"]);
  assert.deepEqual(flags.sockets, []);
  const alone = await run("config view --effective", { errno: "ENOENT" });
  assert.match(alone.out, /^maxPods +110 /m);
  assert.match(alone.complaints, /No kubelet is running at \/var\/lib\/kubelet/);
});

test("the root directory comes from the option, the environment, or is the usual one", async () => {
  assert.deepEqual((await run("get pods --root-dir /r")).sockets, ["/r/kubelet.sock"]);
  assert.deepEqual((await run("get pods", { env: { KUBELET_ROOT: "/e" } })).sockets, ["/e/kubelet.sock"]);
  assert.deepEqual((await run("get pods")).sockets, ["/var/lib/kubelet/kubelet.sock"]);
});

test("help lists the verbs, and each verb its usage", async () => {
  const { code, out } = await run("help");
  assert.equal(code, 0);
  for (const verb of ["get pods", "describe pod", "logs", "events", "config view"])
    assert.ok(out.includes(`kubelet ${verb}`), verb);
  assert.match((await run("logs --help")).out, /^kubelet logs \[-f\]/);
});

const refusals: readonly { line: string; errno?: string; says: RegExp }[] = [
  { line: "gett pods", says: /^Unknown verb "gett"; did you mean get\?\n\nVerbs/ },
  { line: "frobnicate", says: /^Unknown verb "frobnicate"\n\nVerbs/ },
  { line: "get nodes", says: /it is `kubelet get pods \[NAME\]`/ },
  { line: "get pods --wrong", says: /--wrong.*kubelet help/ },
  { line: "get pods -o xml", says: /Cannot use -o "xml": choose table, wide, json, yaml/ },
  {
    line: "get pods",
    errno: "ENOENT",
    says: /Cannot reach a kubelet at \/var\/lib\/kubelet: none is running there; start one, or name its root/,
  },
  { line: "get pods", errno: "ECONNREFUSED", says: /ended without warning/ },
  { line: "get pods", errno: "EACCES", says: /run this as root/ },
  { line: "logs wep", says: /Cannot find pod "wep" on this node; did you mean web\?/ },
  { line: "logs nothing-like-it", says: /`kubelet get pods` lists those that are there/ },
  { line: "logs twin", says: /there is one in each of x, y; choose by -n NAMESPACE/ },
  {
    line: "logs two",
    says: /Cannot tell which container of pod "two-n1" is meant: it has a, b; choose by -c CONTAINER/,
  },
  { line: "logs two -c z", says: /Cannot find container "z" in pod "two-n1"; it has a, b/ },
  { line: "logs web --tail x", says: /Cannot use --tail "x": give a whole number/ },
  { line: "logs web --since yesterday", says: /Cannot use --since "yesterday": give a span like 30s/ },
  { line: "logs web --since-time x", says: /Cannot show logs: .*Unable to decode query/ },
  { line: "describe pod", says: /it is `kubelet describe pod NAME`/ },
  { line: "config edit", says: /kubelet config view/ },
  { line: "config view --effective --max-pods=x", says: /--max-pods/ },
];
for (const { line, errno, says } of refusals) {
  test(`${line}${errno ? ` (${errno})` : ""} is refused with a reason`, async () => {
    const { code, out, complaints } = await run(line, errno === undefined ? {} : { errno });
    assert.equal(code, 1);
    assert.equal(out, "");
    assert.match(complaints, says);
  });
}
