/** The way to the API server and what follows it, against a real one: it restarts, stands still, compacts, and gets to know us by another certificate. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Pair } from "../../scripts/lib/cluster/certificate.ts";
import { waitFor } from "../../scripts/lib/wait.ts";
import { connectKubeApi, type KubeConnection } from "../../src/adapters/kube/index.ts";
import { createClock, createRandom } from "../../src/adapters/linux/index.ts";
import { isFault } from "../../src/base/fault.ts";
import { silentLog } from "../../src/base/log.ts";
import { millis } from "../../src/base/units.ts";
import { Reflector } from "../../src/kube/index.ts";
import { kubeApiContract } from "../../src/ports/kube-api.contract.ts";
import type { ApiCredentials, Collection, KubeObject } from "../../src/ports/kube-api.ts";
import { TestCluster } from "../support/cluster.ts";

const CONFIG_MAPS: Collection = { group: "", version: "v1", resource: "configmaps", namespace: "default" };
const RESTARTS = 20;
const clock = createClock();
const random = createRandom();

let cluster: TestCluster;
before(async () => {
  cluster = await TestCluster.start({ node: false });
});
after(() => cluster[Symbol.asyncDispose]());

interface Way {
  readonly api: KubeConnection;
  readonly refused: ApiCredentials[];
  be(credentials: ApiCredentials): void;
}

const admin = async (commonName: string): Promise<ApiCredentials> =>
  await cluster.plane.pki.issue({ commonName, organizations: ["system:masters"], usages: ["client"] });

async function connect(credentials?: ApiCredentials): Promise<Way> {
  let current = credentials ?? (await admin("contract"));
  const refused: ApiCredentials[] = [];
  const { ca, server } = cluster.plane.pki;
  const api = connectKubeApi({
    endpoint: { server, ca },
    credentials: { current: async () => current, refused: (who) => void refused.push(who) },
    userAgent: "kubelet/v1.37.2 (linux/amd64) kubernetes/test",
    env: {},
    clock,
    log: silentLog,
  });
  return {
    api,
    refused,
    be: (credentials) => {
      current = credentials;
    },
  };
}

const configMap = (name: string): KubeObject => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });

kubeApiContract("kube-apiserver", async () => {
  const { api } = await connect();
  return { api, clock, compact: () => cluster.plane.apiServer.restart(), close: async () => api.close() };
});

describe("a real API server", () => {
  const { signal } = new AbortController();

  test("restarts twenty times: nothing is missed, no watch is stuck, and no storm of requests comes", async () => {
    const { api } = await connect();
    const stop = new AbortController();
    const waiting = new Map<string, () => void>();
    const reflectors = ["", "metadata.name!=nothing", "metadata.name=late-5"].map(
      (fieldSelector) =>
        new Reflector({ at: CONFIG_MAPS, fieldSelector, onChange }, { api, clock, random, log: silentLog }),
    );
    function onChange(): void {
      for (const [key, found] of waiting) if (reflectors[0]?.get(key) && reflectors[1]?.get(key)) found();
    }
    const runs = reflectors.map((reflector) => reflector.run(stop.signal).catch(() => {}));
    await Promise.all(reflectors.map(({ synced }) => synced));
    const began = clock.monotonic();
    for (let restart = 0; restart < RESTARTS; restart++) {
      // By crashes: when asked to end, it waits a minute for its watchers to leave.
      await cluster.plane.apiServer.restart();
      const name = `late-${restart}`;
      const seen = new Promise<void>((resolve) => waiting.set(`default/${name}`, resolve));
      await cluster.api.create("/api/v1/namespaces/default/configmaps", configMap(name));
      // Not each time: what comes while nobody watches is to be seen as well.
      if (restart % 4 === 3) await seen;
      waiting.delete(`default/${name}`);
    }
    const { requests, connections } = api.stats();
    const elapsed = clock.monotonic() - began;
    console.log(`${requests} requests of ${reflectors.length} reflectors in ${Math.round(elapsed / 1000)} s`);
    assert.ok(requests <= reflectors.length * (RESTARTS * 4 + elapsed / 10_000), `${requests} requests`);
    assert.ok(connections <= 2, `${connections} connections`);
    const names = Array.from({ length: RESTARTS }, (_, index) => `late-${index}`);
    for (const name of names) assert.ok(reflectors[0]?.get(`default/${name}`), name);
    // It had no part in the waiting above, so it may be behind.
    await waitFor("the one it asked for", () => reflectors[2]?.all().length === 1, { timeout: 60_000 });
    stop.abort();
    await Promise.all(runs);
    api.close();
  });

  test("stands still: a request gives up in time, and the watch learns that its peer is gone", async () => {
    const { api } = await connect();
    const { resourceVersion } = await api.list(CONFIG_MAPS, {}, signal);
    const opened = Promise.withResolvers<void>();
    const query = { resourceVersion, timeoutSeconds: 600, onOpen: opened.resolve };
    const watch = Array.fromAsync(api.watch(CONFIG_MAPS, query, signal)).catch((error: unknown) => error);
    await opened.promise;
    cluster.plane.apiServer.pause();
    try {
      const slow = api.limited(undefined, millis(300)).get(CONFIG_MAPS, "any", signal);
      await assert.rejects(slow, /no full answer within 0.3 s/);
      const error = await watch;
      assert.ok(isFault(error, "api-unavailable"), String(error));
      assert.match(error.message, /no answer to a ping within 15 s/);
    } finally {
      cluster.plane.apiServer.resume();
    }
    assert.ok((await api.list(CONFIG_MAPS, {}, signal)).items.length > 0);
    api.close();
  });

  test("knows us by a renewed certificate at the next request, and keeps the watch of the old one", async () => {
    const { api, be } = await connect(await admin("before"));
    const WHO = { group: "authentication.k8s.io", version: "v1", resource: "selfsubjectreviews" };
    const whoAmI = async () => {
      const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
      const { status } = (await api.create(WHO, review, signal)) as {
        readonly status?: { readonly userInfo?: { readonly username?: string } };
      };
      return status?.userInfo?.username;
    };
    const { resourceVersion } = await api.list(CONFIG_MAPS, {}, signal);
    const watch = api
      .watch(CONFIG_MAPS, { resourceVersion, timeoutSeconds: 600, fieldSelector: "metadata.name=renewed" }, signal)
      [Symbol.asyncIterator]();
    const first = watch.next();
    assert.equal(await whoAmI(), "before");
    be(await admin("after"));
    assert.equal(await whoAmI(), "after");
    assert.equal(api.stats().connections, 2);
    await api.create(CONFIG_MAPS, configMap("renewed"), signal);
    const { value } = await first;
    assert.equal(value?.type, "ADDED");
    await watch.return?.();
    be({ token: "wrong" });
    await assert.rejects(whoAmI(), (error) => isFault(error, "api-refused") && error.fault.status === 401);
    api.close();
  });

  test("is told apart from one of another cluster", async () => {
    const other: Pair = await cluster.plane.pki.issue({ commonName: "x", usages: ["client"] });
    const stranger = connectKubeApi({
      endpoint: { server: cluster.plane.pki.server, ca: other.cert },
      credentials: { current: async () => ({}), refused: () => {} },
      userAgent: "kubelet/test",
      env: {},
      clock,
      log: silentLog,
    });
    await assert.rejects(stranger.list(CONFIG_MAPS, {}, signal), /authority that is not in certificate-authority/);
    stranger.close();
  });
});
