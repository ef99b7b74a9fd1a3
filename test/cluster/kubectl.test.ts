/** What people do with kubectl all day, on a real cluster: the API server dials our server as it dials any kubelet's. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { waitFor } from "../../scripts/lib/wait.ts";
import { TestCluster } from "../support/cluster.ts";
import { LISTENING, ONCE_UP } from "../support/cluster-pods.ts";
import { IMAGE, STAY, shellPod } from "../support/kubelet.ts";

const PATIENCE = { timeout: 120_000 };
const CP_MB = 100;

describe("kubectl", () => {
  let cluster: TestCluster;
  /** Children that a failed test may have left. */
  const children: ChildProcess[] = [];

  before(async () => {
    cluster = await TestCluster.start();
    await cluster.createPod(shellPod("one", `echo to stdout; echo to stderr >&2; ${STAY}`));
    await cluster.createPod(shellPod("web", "mkdir /www; echo hello > /www/page; exec httpd -f -p 8080 -h /www"));
    await Promise.all([cluster.waitReady("one"), cluster.waitReady("web")]);
  });
  after(async () => {
    for (const child of children) child.kill("SIGKILL");
    await cluster[Symbol.asyncDispose]();
  });

  /** kubectl's older way: SPDY all through. */
  const SPDY = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: "false", KUBECTL_PORT_FORWARD_WEBSOCKETS: "false" };
  function start(file: string, args: readonly string[], more: NodeJS.ProcessEnv = {}): ChildProcess {
    const env = { ...process.env, ...cluster.plane.kubectlEnv, ...more };
    const child = spawn(file, args, { env, stdio: ["pipe", "pipe", "pipe"] });
    children.push(child);
    return child;
  }
  const kubectl = (...args: readonly string[]): ChildProcess => start(cluster.plane.kubectlPath, args);
  /** How many streams the kubelet itself translated, by kind. */
  async function translated(): Promise<Readonly<Record<string, number>>> {
    const metrics = await cluster.kubectl("get", "--raw", "/api/v1/nodes/node/proxy/metrics");
    const found = metrics.matchAll(/^kubelet_websocket_streaming_requests_total\{subresource="(\w+)"\} (\d+)$/gm);
    return Object.fromEntries([...found].map(([, kind = "", count]) => [kind, Number(count)]));
  }
  async function finished(child: ChildProcess, input = "") {
    child.stdin?.end(input);
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout ?? process.stdin),
      text(child.stderr ?? process.stdin),
      once(child, "exit"),
    ]);
    return { stdout, stderr, code };
  }
  const descriptors = (): number => readdirSync(`/proc/${cluster.node.kubelet.pid}/fd`).length;

  describe("logs", () => {
    before(async () => {
      const line = "for n in 1 2 3 4 5; do echo line $n; done; echo oops >&2";
      await cluster.createPod(
        shellPod("talker", `${line}; ${LISTENING}`, ONCE_UP, {
          initContainers: [{ name: "init", image: IMAGE, command: ["sh", "-c", "echo from init"] }],
        }),
      );
      await cluster.createPod(shellPod("crasher", "echo run; exit 3", {}, { restartPolicy: "Always" }));
      await cluster.waitReady("talker");
    });

    const lines = "line 1\nline 2\nline 3\nline 4\nline 5\noops\n";
    const sorted = (out: string): string => out.split("\n").sort().join("\n");
    test("all, the last ones, a few bytes, of an init container, of all containers", async () => {
      assert.equal(sorted(await cluster.kubectl("logs", "talker")), sorted(lines));
      assert.equal((await cluster.kubectl("logs", "talker", "--tail=2")).split("\n").length, 3);
      assert.equal((await cluster.kubectl("logs", "talker", "--limit-bytes=10")).length, 10);
      assert.equal(await cluster.kubectl("logs", "talker", "-c", "init"), "from init\n");
      assert.match(
        await cluster.kubectl("logs", "talker", "--all-containers", "--prefix"),
        /talker\/init\] from init\n/,
      );
      assert.equal(await cluster.kubectl("logs", "talker", "--since-time=2100-01-01T00:00:00Z"), "");
      assert.equal(sorted(await cluster.kubectl("logs", "talker", "--since=1h")), sorted(lines));
    });

    test("with the time of each line", async () => {
      const stamped = await cluster.kubectl("logs", "talker", "--timestamps", "--tail=1");
      assert.match(stamped, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|\+00:00) /);
    });

    test("of the run before", async () => {
      await cluster.waitFor("crasher", ({ status }) => (status?.containerStatuses?.[0]?.restartCount ?? 0) >= 1);
      assert.equal(await cluster.kubectl("logs", "crasher", "--previous"), "run\n");
      const { code, stderr } = await cluster.tryKubectl(["logs", "talker", "-p"]);
      assert.equal(code, 1);
      assert.match(stderr, /previous terminated container "main" in pod "talker" not found/);
    });

    test("followed, as it comes, to the container's end", async () => {
      await cluster.createPod(
        shellPod(
          "late",
          "echo first; read -r x < /go; echo last",
          {
            command: ["sh", "-c", "mkfifo /go; echo first; read -r x < /go; echo last"],
          },
          { restartPolicy: "Never" },
        ),
      );
      await cluster.waitReady("late");
      const follower = kubectl("logs", "-f", "late");
      let seen = "";
      follower.stdout?.on("data", (part) => (seen += part));
      await waitFor("the first line", () => seen === "first\n", PATIENCE);
      // From before: the follower may end first. And its words may come after its end.
      const closed = once(follower, "close");
      await cluster.kubectl("exec", "late", "--", "sh", "-c", "echo > /go");
      const [code] = await closed;
      assert.deepEqual([seen, code], ["first\nlast\n", 0]);
    });
  });

  describe("exec", () => {
    for (const [way, more] of [
      ["WebSocket", {}],
      ["SPDY", SPDY],
    ] as const) {
      test(`keeps the streams apart, takes input, and ends with the command's exit code, by ${way}`, async () => {
        const before = (await translated()).exec ?? 0;
        const line = "cat; echo problem >&2; exit 7";
        const child = start(cluster.plane.kubectlPath, ["exec", "-i", "one", "--", "sh", "-c", line], more);
        assert.deepEqual(await finished(child, "from here\n"), {
          stdout: "from here\n",
          stderr: "problem\ncommand terminated with exit code 7\n",
          code: 7,
        });
        assert.equal(((await translated()).exec ?? 0) - before, way === "SPDY" ? 0 : 1);
      });
    }

    test("says why it can't", async () => {
      const nothing = await cluster.tryKubectl(["exec", "one", "--", "no-such-command"]);
      assert.notEqual(nothing.code, 0);
      assert.match(nothing.stderr, /no-such-command/);
      const nowhere = await cluster.tryKubectl(["exec", "one", "-c", "nope", "--", "sh"]);
      assert.match(nowhere.stderr, /container nope is not valid for pod one|container not found/);
    });

    test("gives a terminal, with its size, and a new size when it changes", async () => {
      // script(1) makes the terminal; its name goes to a file, so that the size can be changed from here.
      const name = cluster.scratch.path("tty");
      const command = `tty > ${name}; stty rows 33 cols 101; exec ${cluster.plane.kubectlPath} exec -it one -- sh`;
      const session = start("script", ["-qec", command, "/dev/null"]);
      let seen = "";
      session.stdout?.on("data", (part) => (seen += part));
      const says = (pattern: RegExp) =>
        waitFor(`${pattern} on the terminal`, () => pattern.test(seen), {
          ...PATIENCE,
          explain: () => seen,
        });
      session.stdin?.write("tty\n");
      await says(/\/dev\/pts\/\d+\r\n/);
      // The size comes when the command runs already.
      const hasSize = (size: string) =>
        waitFor(
          `the size ${size} inside`,
          () => {
            session.stdin?.write("stty size\n");
            return seen.includes(`${size}\r\n`);
          },
          { ...PATIENCE, interval: 300, explain: () => seen },
        );
      await hasSize("33 101");
      const resized = spawn("stty", ["rows", "44", "cols", "55"], {
        stdio: [openSync(readFileSync(name, "utf8").trim(), "r+"), "inherit", "inherit"],
      });
      await once(resized, "exit");
      await hasSize("44 55");
      session.stdin?.write("exit 5\n");
      const [code] = await once(session, "exit");
      assert.equal(code, 5);
    });

    test("a client that is killed leaves nothing in the kubelet", async () => {
      await cluster.kubectl("exec", "one", "--", "true");
      const before = descriptors();
      const hanging = Array.from({ length: 10 }, () => kubectl("exec", "-i", "one", "--", "sh", "-c", "echo up; cat"));
      await Promise.all(hanging.map(async ({ stdout }) => once(stdout ?? process.stdin, "data")));
      for (const child of hanging) child.kill("SIGKILL");
      // The API server keeps its idle connections: they are no streams.
      await waitFor("the streams to be gone", () => descriptors() <= before + 2, PATIENCE);
    });
  });

  test("attach reaches the process itself", async () => {
    const stdin: object = { stdin: true };
    await cluster.createPod(
      shellPod("listener", "while read -r line; do echo heard $line; done", stdin, { restartPolicy: "Never" }),
    );
    await cluster.waitReady("listener");
    const child = kubectl("attach", "-i", "listener");
    let seen = "";
    child.stdout?.on("data", (part) => (seen += part));
    await waitFor(
      "an answer",
      () => {
        child.stdin?.write("this\n");
        return seen.includes("heard this\n");
      },
      { ...PATIENCE, interval: 300 },
    );
    child.kill("SIGKILL");
    assert.match(await cluster.kubectl("logs", "listener"), /heard this\n/);
  });

  test(`cp takes ${CP_MB} MB there and back`, async () => {
    const block = randomBytes(1024 * 1024);
    const content = Buffer.concat(
      Array.from({ length: CP_MB }, (_, n) => Buffer.concat([Buffer.from([n]), block.subarray(1)])),
    );
    const sum = createHash("sha256").update(content).digest("hex");
    const [there, back] = [cluster.scratch.path("there"), cluster.scratch.path("back")];
    writeFileSync(there, content);
    await cluster.kubectl("cp", there, "one:/copied");
    assert.match(await cluster.kubectl("exec", "one", "--", "sha256sum", "/copied"), new RegExp(`^${sum} `));
    await cluster.kubectl("cp", "one:/copied", back);
    assert.equal(createHash("sha256").update(readFileSync(back)).digest("hex"), sum);
    await cluster.kubectl("exec", "one", "--", "rm", "/copied");
  });

  for (const [way, more] of [
    ["WebSocket", {}],
    ["SPDY", SPDY],
  ] as const) {
    test(`port-forward carries 1,000 connections by ${way}`, async () => {
      const before = descriptors();
      const forward = start(cluster.plane.kubectlPath, ["port-forward", "pod/web", ":8080"], more);
      const [line] = await once(forward.stdout ?? process.stdin, "data");
      const port = Number(/127\.0\.0\.1:(\d+) ->/.exec(String(line))?.[1]);
      const get = async (): Promise<string> => {
        const socket = connect(port, "127.0.0.1");
        socket.setTimeout(PATIENCE.timeout, () => socket.destroy(new Error("no answer")));
        socket.write("GET /page HTTP/1.0\r\n\r\n");
        return text(socket);
      };
      await waitFor("the page", async () => /hello/.test(await get()), PATIENCE);
      let failed = 0;
      for (let round = 0; round < 20; round++) {
        const pages = await Promise.all(Array.from({ length: 50 }, () => get().catch(() => "")));
        failed += pages.filter((page) => !/^HTTP\/1\.[01] 200[\s\S]*\r\n\r\nhello\n$/.test(page)).length;
      }
      assert.equal(failed, 0);
      forward.kill("SIGTERM");
      await once(forward, "exit");
      await waitFor("the streams to be gone", () => descriptors() <= before + 2, PATIENCE);
    });
  }

  test("debug looks at a running pod from a container of its own", async () => {
    const args = [
      "debug",
      "one",
      "--profile=general",
      `--image=${IMAGE}`,
      "-c",
      "looker",
      "--target=main",
      "--",
      "sh",
      "-c",
    ];
    await cluster.kubectl(...args, `echo here I am; ${STAY}`);
    await cluster.waitFor("one", ({ status }) => Boolean(status?.ephemeralContainerStatuses?.[0]?.state?.running));
    await waitFor(
      "its words",
      async () => (await cluster.kubectl("logs", "one", "-c", "looker")) === "here I am\n",
      PATIENCE,
    );
    const processes = await cluster.kubectl("exec", "one", "-c", "looker", "--", "ps");
    assert.match(processes, /to stderr/, "the target's processes");
  });
});
