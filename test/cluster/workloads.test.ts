/** Controllers' objects run their course on a node: Deployment, DaemonSet, Job, StatefulSet. CLUSTER_KUBELET=go runs the same on the Go kubelet. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { AnyObject } from "../../scripts/lib/cluster/api-client.ts";
import type { Pod } from "../../src/model/kubernetes.ts";
import { TestCluster } from "../support/cluster.ts";
import { LISTENING, ONCE_UP } from "../support/cluster-pods.ts";
import { isReady, ownNetwork, STAY, shellPod } from "../support/kubelet.ts";

await ownNetwork();

const APPS = "/apis/apps/v1/namespaces/default";
const JOBS = "/apis/batch/v1/namespaces/default/jobs";
const PODS = "/api/v1/namespaces/default/pods";
const ROLLOUT = "--timeout=240s";

/** A pod template whose container runs a shell line. */
function template(app: string, line: string, spec: object = {}, container: object = {}): object {
  return {
    metadata: { labels: { app } },
    spec: shellPod("main", line, container, { terminationGracePeriodSeconds: 2, ...spec }).spec,
  };
}

function workload(kind: string, name: string, spec: object): object {
  const apiVersion = kind === "Job" ? "batch/v1" : "apps/v1";
  const selector = kind === "Job" ? {} : { selector: { matchLabels: { app: name } } };
  return { apiVersion, kind, metadata: { name }, spec: { ...selector, ...spec } };
}

describe("workloads", () => {
  let cluster: TestCluster;

  before(async () => {
    cluster = await TestCluster.start();
  });

  after(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  const podsOf = async (app: string): Promise<readonly Pod[]> =>
    await cluster.api.list<Pod>(`${PODS}?labelSelector=app%3D${app}`);

  const podsGone = async (app: string): Promise<void> => {
    for (const { metadata } of await podsOf(app)) await cluster.waitGone(metadata?.name ?? "");
    assert.deepEqual(await podsOf(app), []);
  };

  /** Every container restarted never, and every pod ready. */
  const assertCalm = (pods: readonly Pod[]): void => {
    for (const pod of pods) {
      assert.ok(isReady(pod), JSON.stringify(pod.status));
      for (const { restartCount } of pod.status?.containerStatuses ?? []) assert.equal(restartCount, 0);
    }
  };

  test("a Deployment is updated pod by pod without ever being less than whole, and rolled back", async () => {
    const strategy = { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } };
    const readinessProbe = { exec: { command: ["test", "-e", "/tmp/up"] }, periodSeconds: 1, timeoutSeconds: 60 };
    const version = (line: string) =>
      workload("Deployment", "web", { replicas: 3, strategy, template: template("web", line, {}, { readinessProbe }) });
    await cluster.api.create(`${APPS}/deployments`, version(`touch /tmp/up; ${STAY}`));
    await cluster.kubectl("rollout", "status", "deployment/web", ROLLOUT);
    const first = (await podsOf("web")).map(({ metadata }) => metadata?.uid);
    assert.equal(first.length, 3);

    // From the first change of the update on: each state that the API server has had counts.
    const { resourceVersion } = (await cluster.api.get(`${APPS}/deployments`)).metadata;
    await cluster.apply(version(`sleep 0.2; touch /tmp/up; ${STAY}`));
    await cluster.kubectl("rollout", "status", "deployment/web", ROLLOUT);
    const states = cluster.api.watch<AnyObject>(
      `${APPS}/deployments?timeoutSeconds=1`,
      resourceVersion,
      AbortSignal.timeout(60_000),
    );
    for await (const { object } of states)
      assert.ok((object.status.availableReplicas ?? 0) >= 3, JSON.stringify(object.status));
    const second = (await podsOf("web")).filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
    assert.deepEqual(
      second.filter(({ metadata }) => first.includes(metadata?.uid)),
      [],
    );
    assert.equal(second.length, 3);
    assertCalm(second);

    await cluster.kubectl("rollout", "undo", "deployment/web");
    await cluster.kubectl("rollout", "status", "deployment/web", ROLLOUT);
    await cluster.kubectl("delete", "deployment", "web");
    await podsGone("web");
  });

  test("a Deployment is scaled to 50 and to 0", async () => {
    const object = workload("Deployment", "many", { replicas: 1, template: template("many", STAY) });
    await cluster.api.create(`${APPS}/deployments`, object);
    const count = async (replicas: number) => {
      await cluster.kubectl("scale", "deployment/many", `--replicas=${replicas}`);
      const isThere = (one: AnyObject | undefined) =>
        one?.status.observedGeneration === one?.metadata.generation &&
        (one?.status.readyReplicas ?? 0) === replicas &&
        (one?.status.replicas ?? 0) === replicas;
      await cluster.until(`${APPS}/deployments`, "many", isThere, {
        what: `${replicas} ready pods`,
        timeoutMs: 240_000,
      });
    };
    await count(50);
    const pods = await podsOf("many");
    assertCalm(pods);
    assert.equal(new Set(pods.map(({ status }) => status?.podIP)).size, 50);
    await count(0);
    await podsGone("many");
    await cluster.kubectl("delete", "deployment", "many");
  });

  test("a DaemonSet has its pod on the node, tolerates its taints, and is updated", async () => {
    const object = (line: string) =>
      workload("DaemonSet", "agent", {
        template: template("agent", line, { hostNetwork: true, tolerations: [{ operator: "Exists" }] }, ONCE_UP),
      });
    await cluster.kubectl("taint", "node", "node", "only=agents:NoSchedule");
    await cluster.apply(object(`echo one; ${LISTENING}`));
    await cluster.kubectl("rollout", "status", "daemonset/agent", ROLLOUT);
    const [pod] = await podsOf("agent");
    assert.equal(pod?.spec?.nodeName, "node");
    assert.equal(pod?.status?.podIP, cluster.address);
    await cluster.apply(object(`echo two; ${LISTENING}`));
    await cluster.kubectl("rollout", "status", "daemonset/agent", ROLLOUT);
    assert.equal(await cluster.kubectl("logs", "daemonset/agent"), "two\n");
    await cluster.kubectl("taint", "node", "node", "only-");
    await cluster.kubectl("delete", "daemonset", "agent");
    await podsGone("agent");
  });

  test("a Job tries again in a new pod until it succeeds, and gives up when it may not", async () => {
    const folder = cluster.scratch.path("job");
    mkdirSync(folder);
    const volumes = [{ name: "memory", hostPath: { path: folder, type: "Directory" } }];
    const mount = { volumeMounts: [{ name: "memory", mountPath: "/memory" }] };
    const line = "mkdir /memory/first 2>/dev/null && { echo failing; exit 3; }; echo done";
    const flaky = template("flaky", line, { restartPolicy: "Never", volumes }, mount);
    await cluster.api.create(JOBS, workload("Job", "flaky", { backoffLimit: 3, template: flaky }));
    const hopeless = template("hopeless", "exit 5", { restartPolicy: "Never" });
    await cluster.api.create(JOBS, workload("Job", "hopeless", { backoffLimit: 0, template: hopeless }));
    const many = template("parallel", "echo part", { restartPolicy: "OnFailure" });
    await cluster.api.create(JOBS, workload("Job", "parallel", { completions: 6, parallelism: 3, template: many }));

    const ended = async (name: string, type: string) => {
      const has = (job: AnyObject | undefined) =>
        job?.status.conditions?.some((one: AnyObject) => one.type === type && one.status === "True") === true;
      return await cluster.until(JOBS, name, has, { what: `job ${name} to be ${type}` });
    };
    assert.equal((await ended("parallel", "Complete"))?.status.succeeded, 6);
    assert.equal((await ended("hopeless", "Failed"))?.status.failed, 1);
    const [lost] = await podsOf("hopeless");
    assert.equal(lost?.status?.phase, "Failed");
    assert.equal(lost?.status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 5);
    const { status } = (await ended("flaky", "Complete")) ?? {};
    assert.deepEqual([status.failed, status.succeeded], [1, 1]);
    await cluster.kubectl("delete", "jobs", "--all");
    for (const app of ["flaky", "hopeless", "parallel"]) await podsGone(app);
  });

  test("a StatefulSet starts in order, keeps names over a deletion, and is updated from the last", async () => {
    const object = (line: string) =>
      workload("StatefulSet", "db", { replicas: 3, serviceName: "db", template: template("db", line, {}, ONCE_UP) });
    await cluster.apply(object(`hostname; ${LISTENING}`));
    await cluster.kubectl("rollout", "status", "statefulset/db", ROLLOUT);
    const pods = [...(await podsOf("db"))].sort((a, b) =>
      (a.metadata?.name ?? "") < (b.metadata?.name ?? "") ? -1 : 1,
    );
    assert.deepEqual(
      pods.map(({ metadata }) => metadata?.name),
      ["db-0", "db-1", "db-2"],
    );
    const created = pods.map(({ metadata }) => metadata?.creationTimestamp ?? "");
    assert.deepEqual(created, created.toSorted());
    assert.equal(await cluster.kubectl("logs", "db-1"), "db-1\n");

    const old = pods[1]?.metadata?.uid;
    await cluster.kubectl("delete", "pod", "db-1");
    const reborn = await cluster.waitFor("db-1", (pod) => pod.metadata?.uid !== old && isReady(pod));
    assert.equal(reborn.spec?.hostname, "db-1");

    await cluster.apply(object(`echo new; ${LISTENING}`));
    await cluster.kubectl("rollout", "status", "statefulset/db", ROLLOUT);
    for (const name of ["db-0", "db-1", "db-2"]) assert.equal(await cluster.kubectl("logs", name), "new\n");
    await cluster.kubectl("delete", "statefulset", "db");
    await podsGone("db");
  });
});
