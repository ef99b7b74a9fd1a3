/** What a container may do, and whom it reaches. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { freePort } from "../../scripts/lib/free-port.ts";
import { waitFor } from "../../scripts/lib/wait.ts";
import { containerOf, STAY, shellPod, TestNode } from "../support/kubelet.ts";

/** A web server that says its name. */
const serve = (port: number) =>
  `mkdir /tmp/w; hostname >/tmp/w/index.html; trap 'exit 0' TERM; httpd -f -p ${port} -h /tmp/w & wait $!`;

describe("a node that keeps pods apart", { concurrency: true }, () => {
  let node: TestNode;
  before(async () => {
    node = await TestNode.start({ runtime: "embedded" });
  });
  after(async () => await node?.[Symbol.asyncDispose]());

  const page = async (url: string) =>
    await waitFor(`an answer of ${url}`, async () => (await fetch(url, { signal: AbortSignal.timeout(2000) })).text());

  test("runs as the wanted user and group, with the container's word over the pod's", async () => {
    node.put(
      shellPod(
        "user",
        STAY,
        { securityContext: { runAsUser: 1234 } },
        {
          securityContext: { runAsUser: 99, runAsGroup: 3000, supplementalGroups: [4000], runAsNonRoot: true },
        },
      ),
    );
    await node.waitReady("user");
    assert.equal(await node.exec("user", "id -u; id -g; id -G"), "1234\n3000\n3000 4000\n");
  });

  test("refuses root where runAsNonRoot is set, with upstream's words", async () => {
    node.put(shellPod("root", STAY, { securityContext: { runAsNonRoot: true } }));
    const pod = await node.waitFor(
      "root",
      (one) => containerOf(one)?.state?.waiting?.reason === "CreateContainerConfigError",
    );
    const message = containerOf(pod)?.state?.waiting?.message ?? "";
    const who = `(pod: "root-node_default(${pod.metadata?.uid})", container: main)`;
    assert.equal(message, `container has runAsNonRoot and image will run as root ${who}`);
  });

  test("makes the root file system read-only, drops capabilities and forbids new privileges", async () => {
    node.put(
      shellPod("tight", STAY, {
        securityContext: {
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE"] },
          seccompProfile: { type: "RuntimeDefault" },
        },
      }),
    );
    await node.waitReady("tight");
    await assert.rejects(node.exec("tight", "touch /x"), /Read-only file system/);
    // 1 << 10 is CAP_NET_BIND_SERVICE.
    const facts = await node.exec("tight", "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/1/status");
    assert.deepEqual(facts.trim().split(/\s+/), [
      ...["CapEff:", "0000000000000400", "CapBnd:", "0000000000000400"],
      ...["NoNewPrivs:", "1", "Seccomp:", "2"],
    ]);
  });

  test("gives a container the runtime's usual capabilities otherwise, and all of them when privileged", async () => {
    node.put(shellPod("usual", STAY));
    node.put(shellPod("mighty", STAY, { securityContext: { privileged: true } }));
    await node.waitReady("usual");
    await node.waitReady("mighty");
    const bits = async (pod: string) =>
      BigInt(`0x${(await node.exec(pod, "sed -n 's/^CapEff:.//p' /proc/1/status")).trim()}`);
    const [usual, mighty] = [await bits("usual"), await bits("mighty")];
    assert.ok(usual !== mighty && (usual & ~mighty) === 0n, `${usual} ${mighty}`);
    await assert.rejects(node.exec("usual", "mount -t tmpfs none /mnt"));
  });

  test("lets pods reach each other by address, and the node reach both", async () => {
    node.put(shellPod("server", serve(8080)));
    node.put(shellPod("client", STAY));
    const ip = (await node.waitReady("server")).status?.podIP;
    await node.waitReady("client");
    assert.equal(await page(`http://${ip}:8080`), "server-node\n");
    assert.equal(await node.exec("client", `wget -qO- http://${ip}:8080`), "server-node\n");
  });

  test("leads a host port to its pod until the pod is gone", async () => {
    const port = await freePort();
    node.put(shellPod("port", serve(8080), { ports: [{ containerPort: 8080, hostPort: port }] }));
    await node.waitReady("port");
    assert.equal(await page(`http://${node.address}:${port}`), "port-node\n");
    node.remove("port");
    await node.waitGone("port");
    await assert.rejects(fetch(`http://${node.address}:${port}`, { signal: AbortSignal.timeout(2000) }));
  });

  test("shares the node's network where asked, with the node's name, address and hosts file", async () => {
    const port = await freePort();
    node.put(shellPod("host", serve(port), {}, { hostNetwork: true }));
    const pod = await node.waitReady("host");
    assert.deepEqual([pod.status?.podIP, pod.status?.hostIP], [node.address, node.address]);
    await page(`http://${node.address}:${port}`);
    assert.match(await node.exec("host", "cat /etc/hosts"), /^# Kubernetes-managed hosts file \(host network\)\.\n/);
    assert.match(await node.exec("host", "ip -o address"), new RegExp(node.address.replaceAll(".", "\\.")));
  });

  test("shares or parts process namespaces as asked", async () => {
    const two = (name: string, more: object) =>
      shellPod(
        name,
        "",
        {},
        {
          containers: ["one", "two"].map((each) => ({
            ...(shellPod("x", `echo up; ${STAY}`).spec?.containers[0] ?? assert.fail()),
            name: each,
          })),
          ...more,
        },
      );
    node.put(two("apart", {}));
    node.put(two("together", { shareProcessNamespace: true }));
    await node.waitReady("apart");
    await node.waitReady("together");
    for (const pod of ["apart", "together"]) for (const each of ["one", "two"]) await node.waitLog(pod, /up/, each);
    // All shells run by now, so no look finds too few. One may find too many: a shell's fork that is not yet its sleep.
    const shows = async (pod: string, shells: number) =>
      Number(await node.exec(pod, "ps -o args | grep -c '[t]rap'", "one")) === shells;
    await waitFor("one shell where they are apart", async () => await shows("apart", 1));
    await waitFor("two shells where they are together", async () => await shows("together", 2));
  });
});
