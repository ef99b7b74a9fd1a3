/** Probes, deadlines, admission on the node and events, as a cluster sees them. CLUSTER_KUBELET=go runs the same on the Go kubelet. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { AnyObject } from "../../scripts/lib/cluster/api-client.ts";
import { waitFor } from "../../scripts/lib/wait.ts";
import type { Event, Pod, Probe } from "../../src/model/kubernetes.ts";
import { TestCluster } from "../support/cluster.ts";
import { startedOnce } from "../support/cluster-pods.ts";
import { containerOf, isReady, ownNetwork, STAY, shellPod } from "../support/kubelet.ts";

await ownNetwork();
const NODES = "/api/v1/nodes";
const EVENTS = "/api/v1/namespaces/default/events";
const PODS = "/api/v1/namespaces/default/pods";

/** Serves /www on 8080; ends at once when told to. */
const SERVE = "mkdir -p /www && echo up > /www/ok && httpd -f -p 8080 -h /www & trap 'exit 0' TERM; wait";
/** How long an answer may take: a busy machine's is not to be taken for none. */
const PATIENT = { periodSeconds: 1, timeoutSeconds: 60 };
const serving = (path: string): Probe => ({ httpGet: { path, port: 8080 }, ...PATIENT });
const file = (path: string, more: Partial<Probe> = {}): Probe => ({
  exec: { command: ["test", "-e", path] },
  ...PATIENT,
  ...more,
});
const PATIENCE = { timeout: 120_000 };

describe("probes, deadlines, admission and events of a cluster", () => {
  let cluster: TestCluster;

  before(async () => {
    cluster = await TestCluster.start();
  });

  after(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  const run = async (name: string, line: string): Promise<void> => {
    await cluster.kubectl("exec", name, "--", "sh", "-c", line);
  };

  const eventsOf = async (name: string, reason: string): Promise<readonly Event[]> => {
    const selector = encodeURIComponent(`involvedObject.name=${name},reason=${reason}`);
    return cluster.api.list<Event>(`${EVENTS}?fieldSelector=${selector}`);
  };

  /** `words` where others of that reason may come as well: say, of a server that does not listen yet. */
  const eventOf = async (name: string, reason: string, words = /^/): Promise<Event> => {
    const find = async () => (await eventsOf(name, reason)).find(({ message = "" }) => words.test(message));
    return await waitFor(`event ${reason} of ${name}`, find, PATIENCE);
  };

  test("readiness by HTTP takes a pod in and out of service", async () => {
    await cluster.createPod(shellPod("web", SERVE, { readinessProbe: serving("/ok") }));
    await cluster.waitReady("web");
    await run("web", "rm /www/ok");
    const out = await cluster.waitFor("web", (pod) => !isReady(pod));
    assert.deepEqual([containerOf(out)?.ready, containerOf(out)?.started, out.status?.phase], [false, true, "Running"]);
    const conditions = new Map(out.status?.conditions?.map(({ type, status, message }) => [type, [status, message]]));
    assert.deepEqual(conditions.get("ContainersReady"), ["False", "containers with unready status: [main]"]);
    const event = await eventOf("web", "Unhealthy", /^Readiness probe failed: HTTP probe failed with statuscode: 404$/);
    assert.deepEqual(
      [event.type, event.source, event.involvedObject.fieldPath, event.involvedObject.uid, event.reportingComponent],
      ["Warning", { component: "kubelet", host: "node" }, "spec.containers{main}", out.metadata?.uid, "kubelet"],
    );
    await run("web", "echo up > /www/ok");
    assert.equal(containerOf(await cluster.waitReady("web"))?.restartCount, 0);
  });

  test("what probes found is counted", async () => {
    const text = await cluster.kubectl("get", "--raw", `${NODES}/node/proxy/metrics/probes`);
    const { metadata } = (await cluster.pod("web")) ?? {};
    const series = new RegExp(
      `^prober_probe_total{container="main",namespace="default",pod="web",pod_uid="${metadata?.uid}",probe_type="Readiness",result="(successful|failed)"} [1-9]`,
    );
    const sorted = text
      .split("\n")
      .map((line) => line.replace(/{(.*)}/, (_, labels: string) => `{${labels.split(",").toSorted().join()}}`));
    assert.equal(sorted.filter((line) => series.test(line)).length, 2, text);
  });

  test("a startup probe holds readiness back, and a knock at a port by name is enough", async () => {
    const port = { ports: [{ name: "http", containerPort: 8080 }] };
    await cluster.createPod(
      shellPod("slow", `until [ -e /tmp/go ]; do sleep 0.1; done; ${SERVE}`, {
        ...port,
        startupProbe: { tcpSocket: { port: "http" }, periodSeconds: 1, failureThreshold: 600 },
        readinessProbe: serving("/ok"),
      }),
    );
    const up = await cluster.waitFor("slow", (pod) => containerOf(pod)?.state?.running !== undefined);
    assert.deepEqual([containerOf(up)?.started, containerOf(up)?.ready], [false, false]);
    await eventOf("slow", "Unhealthy", /^Startup probe failed: dial tcp [0-9.]+:8080: connect: connection refused$/);
    await run("slow", "touch /tmp/go");
    assert.equal(containerOf(await cluster.waitReady("slow"))?.started, true);
  });

  test("a container that fails its liveness probe is killed with the probe's grace and starts again", async () => {
    await cluster.createPod(
      shellPod("sick", `touch /tmp/well; ${STAY}`, {
        ...startedOnce("[ -e /tmp/well ]"),
        livenessProbe: file("/tmp/well", { failureThreshold: 2, terminationGracePeriodSeconds: 3 }),
      }),
    );
    const before = await cluster.waitReady("sick");
    await run("sick", "rm /tmp/well");
    const after = await cluster.waitFor("sick", (pod) => containerOf(pod)?.restartCount === 1 && isReady(pod));
    assert.equal(containerOf(after)?.lastState?.terminated?.containerID, containerOf(before)?.containerID);
    const { message } = await eventOf("sick", "Killing");
    assert.equal(message, "Container main failed liveness probe, will be restarted");
    await eventOf("sick", "Unhealthy", /^Liveness probe failed: /);
  });

  test("a kubelet that starts again takes no ready pod out of service", async () => {
    const start = `touch /tmp/well; ${STAY}`;
    const probe = file("/tmp/well", { periodSeconds: 5 });
    await cluster.createPod(shellPod("steady", start, { startupProbe: probe, readinessProbe: probe }));
    const before = await cluster.waitReady("steady");
    await cluster.node.kubelet.kill();
    await cluster.node.start();
    // The new kubelet has spoken of this pod when it tells of another change.
    const patch = { metadata: { annotations: { note: "seen" } } };
    await cluster.api.patch(`${PODS}/steady`, patch);
    await cluster.createPod(shellPod("next", STAY));
    await cluster.waitReady("next");
    const after = await cluster.pod("steady");
    assert.equal(containerOf(after)?.restartCount, 0);
    const since = (pod: Pod | undefined) =>
      pod?.status?.conditions?.map(({ type, status, lastTransitionTime }) => [type, status, lastTransitionTime]);
    assert.deepEqual(since(after), since(before));
  });

  test("a pod past its deadline has failed", async () => {
    await cluster.createPod(shellPod("late", STAY, {}, { activeDeadlineSeconds: 10_000 }));
    await cluster.waitReady("late");
    // Only now: however long the start took, it is over.
    await cluster.api.patch(`${PODS}/late`, { spec: { activeDeadlineSeconds: 1 } });
    const { status } = await cluster.waitPhase("late", "Failed");
    assert.equal(status?.reason, "DeadlineExceeded");
    assert.equal(status?.message, "Pod was active on the node longer than the specified deadline");
    const { type, message } = await eventOf("late", "DeadlineExceeded");
    assert.deepEqual([type, message], ["Normal", "Pod was active on the node longer than the specified deadline"]);
    await cluster.waitFor("late", (pod) => containerOf(pod)?.state?.terminated !== undefined);
  });

  test("a pod that is bound here and does not fit is rejected", async () => {
    const bound = { nodeName: "node" };
    const cases: readonly (readonly [
      name: string,
      reason: string,
      message: string,
      pod: Partial<Pod["spec"] & object>,
    ])[] = [
      [
        "elsewhere",
        "NodeAffinity",
        "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
        { nodeSelector: { zone: "moon" } },
      ],
      [
        "windows",
        "PodOSNotSupported",
        "Failed to admit pod as the OS field doesn't match node OS",
        { os: { name: "windows" } },
      ],
    ];
    for (const [name, reason, message, spec] of cases) {
      await cluster.createPod(shellPod(name, STAY, {}, { ...bound, ...spec }));
      const { status } = await cluster.waitPhase(name, "Failed");
      assert.deepEqual([status?.reason, status?.message], [reason, `Pod was rejected: ${message}`]);
      assert.equal((await eventOf(name, reason)).message, message);
    }
    // A label that comes just before its pod counts.
    await cluster.api.patch(`${NODES}/node`, { metadata: { labels: { zone: "moon" } } });
    await cluster.createPod(shellPod("moon", STAY, {}, { ...bound, nodeSelector: { zone: "moon" } }));
    await cluster.waitReady("moon");
  });

  test("events that come again are counted, and the node has its own", async () => {
    await cluster.createPod(shellPod("crash", "exit 3"));
    const isCounted = async () => ((await eventsOf("crash", "BackOff"))[0]?.count ?? 0) >= 2;
    await waitFor("the back-off to be counted", isCounted, PATIENCE);
    const [event, ...more] = await eventsOf("crash", "BackOff");
    assert.equal(more.length, 0);
    assert.match(event?.message ?? "", /^Back-off restarting failed container main in pod crash_default\(.*\)$/);
    const node = await cluster.api.get<AnyObject>(`${NODES}/node`);
    const { involvedObject } = await eventOf("node", "Starting");
    // Go's kubelet says it before it knows.
    assert.ok([node.metadata.uid, "node", undefined].includes(involvedObject.uid), `${involvedObject.uid}`);
  });

  test("describe shows what happened to a pod", async () => {
    const text = await cluster.kubectl("describe", "pod", "sick");
    assert.match(text, /Warning +Unhealthy .* kubelet +spec.containers\{main\}: Liveness probe failed/);
    assert.match(
      text,
      /Normal +Killing .* kubelet +spec.containers\{main\}: Container main failed liveness probe, will be restarted/,
    );
  });
});
