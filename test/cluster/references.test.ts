/** What pods refer to, on a real control plane: ConfigMaps, Secrets, ServiceAccount tokens, services, RuntimeClass, pull secrets. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import type { AnyObject } from "../../scripts/lib/cluster/api-client.ts";
import { busyboxImage } from "../../scripts/lib/images.ts";
import { Registry } from "../../scripts/lib/registry.ts";
import { waitFor } from "../../scripts/lib/wait.ts";
import type { Pod } from "../../src/model/kubernetes.ts";
import { TestCluster } from "../support/cluster.ts";
import { containerOf, ownNetwork, STAY, shellPod } from "../support/kubelet.ts";

await ownNetwork();

const CORE = "/api/v1/namespaces/default";
const PATIENCE_MS = 120_000;
const base64 = (value: string): string => Buffer.from(value).toString("base64");
const mount = (name: string) => [{ name, mountPath: "/v" }];

describe("what pods refer to", () => {
  let cluster: TestCluster;

  before(async () => {
    cluster = await TestCluster.start();
  });
  after(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  const make = (kind: string, object: object) => cluster.api.create(`${CORE}/${kind}`, object);
  const configMap = (name: string, data: Record<string, string>) => make("configmaps", { metadata: { name }, data });
  const secret = (name: string, data: Record<string, string>, type = "Opaque") =>
    make("secrets", { metadata: { name }, type, stringData: data });
  const edit = (kind: string, name: string, patch: object) => cluster.api.patch(`${CORE}/${kind}/${name}`, patch);
  const logOf = (name: string) => cluster.kubectl("logs", name);
  const untilLog = (name: string, words: RegExp) =>
    waitFor(`the log of ${name} to match ${words}`, async () => words.test(await logOf(name)), {
      timeout: PATIENCE_MS,
      explain: () => cluster.node.log().slice(-2000),
    });

  /** A path of a pod's volume on the node. */
  const onNode = ({ metadata }: Pod, kind: string, ...path: string[]): string =>
    join(cluster.node.places.root, "pods", metadata?.uid ?? "", "volumes", `kubernetes.io~${kind}`, ...path);

  const until = (what: string, check: () => boolean) =>
    waitFor(what, async () => check(), { timeout: PATIENCE_MS, interval: 2 });
  /** `words` where others of that reason may come before. */
  const eventOf = async (name: string, reason: string, words = /^/): Promise<AnyObject> => {
    const selector = encodeURIComponent(`involvedObject.name=${name},reason=${reason}`);
    const find = async () =>
      (await cluster.api.list(`${CORE}/events?fieldSelector=${selector}`)).find(({ message }) => words.test(message));
    return await waitFor(`an event ${reason} of ${name}`, find, { timeout: PATIENCE_MS });
  };

  /** A call of the API server as who holds a token, trusting only the given CA. */
  async function callAs(token: string, ca: string, path: string, body: object): Promise<AnyObject> {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const { promise, resolve, reject } = Promise.withResolvers<AnyObject>();
    const call = request(new URL(path, cluster.api.server), { method: "POST", ca, headers, agent: false }, (answer) => {
      text(answer).then((json) => resolve(JSON.parse(json)), reject);
    });
    call.on("error", reject).end(JSON.stringify(body));
    return await promise;
  }

  test("every pod gets a token of its own that the API server knows, with the CA to trust", async () => {
    const place = "/var/run/secrets/kubernetes.io/serviceaccount";
    await cluster.createPod(shellPod("access", `ls -l ${place}; mount; ${STAY}`));
    const pod = await cluster.waitReady("access");
    const name = pod.spec?.volumes?.find(({ projected }) => projected)?.name ?? "";
    const read = (file: string) => readFileSync(onNode(pod, "projected", name, file), "utf8");
    assert.equal(read("namespace"), "default");
    const review = await callAs(read("token"), read("ca.crt"), "/apis/authentication.k8s.io/v1/selfsubjectreviews", {
      apiVersion: "authentication.k8s.io/v1",
      kind: "SelfSubjectReview",
    });
    assert.equal(review.status.userInfo.username, "system:serviceaccount:default:default");
    assert.deepEqual(review.status.userInfo.extra["authentication.kubernetes.io/pod-uid"], [pod.metadata?.uid]);
    await untilLog("access", /token -> \.\.data\/token/);
    await untilLog("access", new RegExp(`tmpfs on ${place} type tmpfs \\(ro`));
    assert.ok(!cluster.node.log().includes(read("token")), "no token is logged");
    await cluster.kubectl("delete", "pod", "access");
    assert.equal(existsSync(onNode(pod, "projected")), false);
  });

  test("an edit of a ConfigMap shows in the pod's files, all at once, and restarts nothing", async (t) => {
    await configMap("edited", { a: "0", b: "0", gone: "x" });
    const volumes = [{ name: "v", configMap: { name: "edited", defaultMode: 0o440 } }];
    const follow =
      "while :; do now=$(cat /v/a) || now=none; test $now = $last || echo $now; last=$now; sleep 0.2; done";
    const line = `echo x > /v/new || echo fixed; last=x; ${follow}`;
    await cluster.createPod(shellPod("edited", line, { volumeMounts: mount("v") }, { volumes }));
    const pod = await cluster.waitReady("edited");
    const at = (file: string) => onNode(pod, "configmap", "v", file);
    assert.equal(statSync(at("a")).mode & 0o777, 0o440);
    const took: number[] = [];
    for (let version = 1; version <= 20; version++) {
      const begun = performance.now();
      await edit("configmaps", "edited", { data: { a: `${version}`, b: `${version}`, gone: null } });
      await until(`version ${version}`, () => readFileSync(at("a"), "utf8") === `${version}`);
      took.push(performance.now() - begun);
      assert.equal(readFileSync(at("b"), "utf8"), `${version}`);
    }
    took.sort((a, b) => a - b);
    t.diagnostic(`edit to file: p50 ${took[9]?.toFixed(0)} ms, longest ${took[19]?.toFixed(0)} ms`);
    assert.equal(existsSync(at("gone")), false);
    await untilLog("edited", /^20$/m);
    const log = await logOf("edited");
    assert.match(log, /^fixed$/m, "nobody may write to it");
    assert.doesNotMatch(log, /none/, "it was there all the time");
    assert.equal(containerOf(await cluster.pod("edited"))?.restartCount, 0);
  });

  test("a rotated Secret shows, in memory only, for the pod's group", async () => {
    await secret("rotated", { password: "old" });
    const volumes = [
      { name: "v", secret: { secretName: "rotated", items: [{ key: "password", path: "db/password" }] } },
    ];
    const user = { runAsUser: 1000, fsGroup: 2000 };
    const spec = { volumes, securityContext: user };
    const line = `mount; until grep -q new /v/db/password; do sleep 0.2; done; cat /v/db/password; echo; ${STAY}`;
    await cluster.createPod(shellPod("rotated", line, { volumeMounts: mount("v") }, spec));
    const pod = await cluster.waitReady("rotated");
    const path = onNode(pod, "secret", "v", "db", "password");
    await edit("secrets", "rotated", { data: { password: base64("new") } });
    await until("the new password", () => readFileSync(path, "utf8") === "new");
    assert.equal(statSync(path).gid, 2000);
    await untilLog("rotated", /tmpfs on \/v type tmpfs \(ro/);
    await untilLog("rotated", /^new$/m);
  });

  test("a pod waits for what it needs, says so, and starts when it is there", async () => {
    const volumes = [{ name: "v", configMap: { name: "late" } }];
    await cluster.createPod(shellPod("waits", `cat /v/a; echo; ${STAY}`, { volumeMounts: mount("v") }, { volumes }));
    const { message } = await eventOf("waits", "FailedMount");
    assert.equal(message, 'MountVolume.SetUp failed for volume "v" : configmap "late" not found');
    await configMap("late", { a: "at last" });
    await cluster.waitReady("waits");
    await untilLog("waits", /^at last$/m);
  });

  test("a container waits for its variables in upstream's words, and starts when they are there", async () => {
    const env = [{ name: "A", valueFrom: { secretKeyRef: { name: "late-env", key: "k" } } }];
    await cluster.createPod(shellPod("waits-env", `echo $A; ${STAY}`, { env }));
    const waiting = (words: string) =>
      cluster.waitFor("waits-env", (pod) => {
        const state = containerOf(pod)?.state?.waiting;
        return state?.reason === "CreateContainerConfigError" && state.message === words;
      });
    await waiting('secret "late-env" not found');
    await secret("late-env", { other: "x" });
    await waiting("couldn't find key k in Secret default/late-env");
    await edit("secrets", "late-env", { data: { k: base64("v") } });
    await cluster.waitReady("waits-env");
    await untilLog("waits-env", /^v$/m);
  });

  test("what is optional is not waited for, and shows when it comes", async () => {
    const volumes = [{ name: "v", configMap: { name: "optional", optional: true } }];
    const envFrom = [{ secretRef: { name: "optional", optional: true } }];
    await cluster.createPod(shellPod("optional", STAY, { volumeMounts: mount("v"), envFrom }, { volumes }));
    const pod = await cluster.waitReady("optional");
    await configMap("optional", { a: "1" });
    const path = onNode(pod, "configmap", "v", "a");
    await until("the file", () => existsSync(path));
    await cluster.api.delete(`${CORE}/configmaps/optional`);
    await until("no file", () => !existsSync(path));
  });

  test("variables come from everywhere, services last", async () => {
    await configMap("env", { B: "from map", A: "1" });
    await secret("env", { S: "from secret" });
    const service = await make("services", {
      metadata: { name: "my-web" },
      spec: { selector: { app: "none" }, ports: [{ name: "http", port: 80 }] },
    });
    const ref = (fieldPath: string) => ({ fieldRef: { fieldPath } });
    const container = {
      envFrom: [{ configMapRef: { name: "env" } }, { prefix: "P_", secretRef: { name: "env" } }],
      env: [
        { name: "A", value: "own" },
        { name: "KEY", valueFrom: { configMapKeyRef: { name: "env", key: "B" } } },
        { name: "NODE", valueFrom: ref("spec.nodeName") },
        { name: "IP", valueFrom: ref("status.podIP") },
        { name: "FILLED", value: "$(A) $(P_S) $(MY_WEB_SERVICE_HOST)" },
      ],
    };
    await cluster.createPod(shellPod("env", "env", container, { restartPolicy: "Never" }));
    const pod = await cluster.waitPhase("env", "Succeeded");
    const lines = new Set((await logOf("env")).split("\n"));
    const { clusterIP } = service.spec;
    for (const line of [
      "A=own",
      "B=from map",
      "P_S=from secret",
      "KEY=from map",
      "NODE=node",
      `IP=${pod.status?.podIP}`,
      `FILLED=own from secret ${clusterIP}`,
      `MY_WEB_SERVICE_PORT_HTTP=80`,
      `MY_WEB_PORT=tcp://${clusterIP}:80`,
      "KUBERNETES_SERVICE_PORT_HTTPS=443",
    ])
      assert.ok(lines.has(line), `no ${line} in ${[...lines].join("\n")}`);
    await cluster.createPod(shellPod("bare", "env", {}, { restartPolicy: "Never", enableServiceLinks: false }));
    await cluster.waitPhase("bare", "Succeeded");
    const bare = await logOf("bare");
    assert.ok(bare.includes("KUBERNETES_SERVICE_HOST=") && !bare.includes("MY_WEB"));
  });

  test("downward files follow the pod's labels", async () => {
    const items = [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }];
    const spec = { volumes: [{ name: "v", downwardAPI: { items } }] };
    await cluster.createPod(shellPod("labels", STAY, { volumeMounts: mount("v") }, spec, { labels: { app: "one" } }));
    const pod = await cluster.waitReady("labels");
    const path = onNode(pod, "downward-api", "v", "labels");
    assert.equal(readFileSync(path, "utf8"), 'app="one"');
    await cluster.kubectl("label", "pod", "labels", "app=two", "--overwrite");
    await until("the new label", () => readFileSync(path, "utf8") === 'app="two"');
  });

  test("volumes survive the kubelet: what changed while it was down shows after", async () => {
    const pod = await cluster.waitReady("edited");
    await cluster.node.kubelet.kill();
    await edit("configmaps", "edited", { data: { a: "while down" } });
    await cluster.node.start();
    const path = onNode(pod, "configmap", "v", "a");
    await until("the edit", () => readFileSync(path, "utf8") === "while down");
    assert.equal(containerOf(await cluster.pod("edited"))?.restartCount, 0);
  });

  test("a RuntimeClass says which handler runs a pod; one that the runtime lacks is told", async () => {
    const classes = "/apis/node.k8s.io/v1/runtimeclasses";
    await cluster.api.create(classes, { metadata: { name: "special" }, handler: "missing" });
    await cluster.createPod(shellPod("special", STAY, {}, { runtimeClassName: "special" }));
    // A first one may tell that the list of classes has not come within its second.
    await eventOf("special", "FailedCreatePodSandBox", /^Failed to create pod sandbox: .*missing/);
    await cluster.api.delete(`${classes}/special`);
    await cluster.api.create(classes, { metadata: { name: "special" }, handler: "runc" });
    await cluster.waitReady("special");
  });

  test("a private registry opens to the pod with the Secret, and to no other", async () => {
    const credentials = { user: "user", password: "s3cr3t<&>" };
    await using registry = await Registry.start({ folder: cluster.scratch.path("private"), credentials });
    await registry.push("app", "1", await busyboxImage());
    const image = `${registry.address}/app:1`;
    const auths = { [registry.address]: { auth: base64(`${credentials.user}:${credentials.password}`) } };
    await secret("pull", { ".dockerconfigjson": JSON.stringify({ auths }) }, "kubernetes.io/dockerconfigjson");
    const withSecret = (name: string) => ({ imagePullSecrets: [{ name }] });
    await cluster.createPod(shellPod("member", STAY, { image }, withSecret("pull")));
    await cluster.waitReady("member");
    // The image is on the node now.
    await cluster.createPod(shellPod("stranger", STAY, { image }, withSecret("none")));
    const { message } = await eventOf("stranger", "FailedToRetrieveImagePullSecret");
    assert.match(message, /^Unable to retrieve some image pull secrets \(none\);/);
    const state = await cluster.waitFor("stranger", (pod) => containerOf(pod)?.state?.waiting?.message !== undefined);
    assert.match(containerOf(state)?.state?.waiting?.reason ?? "", /^(ErrImagePull|ImagePullBackOff)$/);
    await cluster.createPod(shellPod("never", STAY, { image, imagePullPolicy: "Never" }));
    await cluster.waitFor("never", (pod) => containerOf(pod)?.state?.waiting?.reason === "ErrImageNeverPull");
    await cluster.createPod(shellPod("second", STAY, { image }, withSecret("pull")));
    await cluster.waitReady("second");
    assert.ok(!cluster.node.log().includes(credentials.password), "no password is logged");
  });
});
