import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { isFault, KubeletError } from "../base/fault.ts";
import { type Millis, millis } from "../base/units.ts";
import type { Pod } from "../model/kubernetes.ts";
import type { Clock } from "./clock.ts";
import type { Collection, KubeApi, KubeObject, WatchEvent } from "./kube-api.ts";

/** One API server to hold against the contract, asked as somebody who may do everything. */
export interface KubeApiUnderTest {
  readonly api: KubeApi;
  readonly clock: Clock;
  /** Makes the server forget old changes; undefined where that can't be done from here. */
  readonly compact?: () => Promise<void>;
  close(): Promise<void>;
}

interface ConfigMap extends KubeObject {
  readonly data?: { readonly [key: string]: string };
}

const NAMESPACE = "kube-api-contract";
const at = (resource: string): Collection => ({ group: "", version: "v1", resource, namespace: NAMESPACE });
const CONFIG_MAPS = at("configmaps");
const PODS = at("pods");
const ALL_PODS: Collection = { group: "", version: "v1", resource: "pods" };
const NAMESPACES: Collection = { group: "", version: "v1", resource: "namespaces" };

/** What every implementation of KubeApi must do. `open` is called once; the namespace it leaves behind is removed with it. */
export function kubeApiContract(name: string, open: () => Promise<KubeApiUnderTest>): void {
  describe(`API server contract: ${name}`, () => {
    const { signal } = new AbortController();
    let under: KubeApiUnderTest;
    let api: KubeApi;
    before(async () => {
      under = await open();
      api = under.api;
      const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } };
      await tolerate("AlreadyExists", api.create(NAMESPACES, namespace, signal));
      const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default" } };
      await tolerate("AlreadyExists", api.create(at("serviceaccounts"), account, signal));
    });
    after(async () => {
      for (const { metadata } of (await api.list<Pod>(PODS, {}, signal)).items) {
        await tolerate("NotFound", api.delete(PODS, metadata?.name ?? "", { gracePeriodSeconds: 0 }, signal));
      }
      await under.close();
    });

    it("creates, gets, and says what is there already and what is not", async () => {
      const made = await api.create<ConfigMap>(CONFIG_MAPS, configMap("create", { a: "1" }), signal);
      assert.ok(made.metadata?.uid && made.metadata.resourceVersion && made.metadata.creationTimestamp);
      assert.equal(made.metadata.namespace, NAMESPACE);
      assert.deepEqual(await api.get(CONFIG_MAPS, "create", signal), made);
      await refuses(api.create(CONFIG_MAPS, configMap("create", {}), signal), 409, "AlreadyExists");
      await refuses(api.get(CONFIG_MAPS, "absent", signal), 404, "NotFound");
      await refuses(api.replace(CONFIG_MAPS, "absent", configMap("absent", {}), signal), 404, "NotFound");
      await refuses(api.delete(CONFIG_MAPS, "absent", {}, signal), 404, "NotFound");
    });

    it("replaces only what is based on the newest version, and only the object that was meant", async () => {
      const first = await api.create<ConfigMap>(CONFIG_MAPS, configMap("replace", { a: "1" }), signal);
      const second = await api.replace<ConfigMap>(CONFIG_MAPS, "replace", changed(first, { a: "2" }), signal);
      assert.notEqual(second.metadata?.resourceVersion, first.metadata?.resourceVersion);
      await refuses(api.replace(CONFIG_MAPS, "replace", changed(first, { a: "3" }), signal), 409, "Conflict");
      const other = { ...configMap("replace", { a: "4" }), metadata: { name: "replace", uid: "another" } };
      await refuses(api.replace(CONFIG_MAPS, "replace", other, signal), 409, "Conflict");
      const same = await api.replace<ConfigMap>(CONFIG_MAPS, "replace", second, signal);
      assert.equal(same.metadata?.resourceVersion, second.metadata?.resourceVersion, "nothing changed");
    });

    it("merges a patch, and null removes", async () => {
      const object = configMap("patch", { a: "1", b: "2" });
      await api.create(CONFIG_MAPS, { ...object, metadata: { name: "patch", labels: { x: "1" } } }, signal);
      const patch = { metadata: { labels: { y: "2" } }, data: { a: null, c: "3" } };
      const { data, metadata } = await api.patch<ConfigMap>(CONFIG_MAPS, "patch", "merge", patch, signal);
      assert.deepEqual(data, { b: "2", c: "3" });
      assert.deepEqual(metadata?.labels, { x: "1", y: "2" });
      const json = [{ op: "replace", path: "/data/b", value: "4" }];
      assert.equal((await api.patch<ConfigMap>(CONFIG_MAPS, "patch", "json", json, signal)).data?.b, "4");
    });

    it("lists by fields, in pages where asked, and refuses a field it does not know", async () => {
      for (const name of ["list-1", "list-2", "list-3"]) {
        await api.create(
          CONFIG_MAPS,
          { ...configMap(name, {}), metadata: { name, labels: { listed: "yes" } } },
          signal,
        );
      }
      const labelSelector = "listed=yes";
      const one = await api.list(CONFIG_MAPS, { fieldSelector: "metadata.name=list-2" }, signal);
      assert.deepEqual(namesOf(one.items), ["list-2"]);
      assert.ok(Number(one.resourceVersion) > 0);
      const page = await api.list(CONFIG_MAPS, { labelSelector, limit: 2 }, signal);
      assert.equal(page.items.length, 2);
      assert.ok(page.continue);
      const rest = await api.list(CONFIG_MAPS, { labelSelector, limit: 2, continue: page.continue }, signal);
      const all = await api.list(CONFIG_MAPS, { labelSelector }, signal);
      assert.equal(all.continue || undefined, undefined);
      assert.deepEqual(namesOf([...page.items, ...rest.items]), namesOf(all.items));
      await refuses(api.list(CONFIG_MAPS, { fieldSelector: "data.a=1" }, signal), 400, "BadRequest");
    });

    it("tells changes after a version in their order, and from any version again", async () => {
      const { resourceVersion } = await api.list(CONFIG_MAPS, {}, signal);
      const query = { fieldSelector: "metadata.name=watch", resourceVersion, timeoutSeconds: 60 };
      await using first = watching<ConfigMap>(under, CONFIG_MAPS, query);
      const made = await api.create<ConfigMap>(CONFIG_MAPS, configMap("watch", { a: "1" }), signal);
      await api.create(CONFIG_MAPS, configMap("watch-not", {}), signal);
      await api.replace(CONFIG_MAPS, "watch", changed(made, { a: "2" }), signal);
      await api.delete(CONFIG_MAPS, "watch", {}, signal);
      const events = await first.take(3);
      assert.deepEqual(
        events.map((event) => [event.type, "object" in event && event.object.data?.a]),
        [
          ["ADDED", "1"],
          ["MODIFIED", "2"],
          ["DELETED", "2"],
        ],
      );
      const versions = events.map((event) => Number("object" in event && event.object.metadata?.resourceVersion));
      assert.ok(versions.every((version, place) => version > (versions[place - 1] ?? Number(resourceVersion))));
      await using again = watching<ConfigMap>(under, CONFIG_MAPS, {
        ...query,
        resourceVersion: made.metadata?.resourceVersion ?? "",
      });
      assert.deepEqual(
        (await again.take(2)).map(({ type }) => type),
        ["MODIFIED", "DELETED"],
      );
    });

    it("ends a watch when its time is over, with a bookmark or without", async () => {
      const { resourceVersion } = await api.list(CONFIG_MAPS, {}, signal);
      const query = { fieldSelector: "metadata.name=never", resourceVersion, timeoutSeconds: 1 };
      for await (const { type } of api.watch(CONFIG_MAPS, query, signal)) assert.equal(type, "BOOKMARK");
    });

    it("refuses a watch from a version that is forgotten with 410", async (t) => {
      if (!under.compact) return t.skip("can't be made to forget here");
      const { resourceVersion } = await api.list(CONFIG_MAPS, {}, signal);
      await api.create(CONFIG_MAPS, configMap("forgotten", {}), signal);
      await under.compact();
      const watch = api.watch(CONFIG_MAPS, { resourceVersion, timeoutSeconds: 60 }, signal);
      await refuses(watch[Symbol.asyncIterator]().next(), 410, "Expired");
    });

    it("tells a pod as added to the node that it is bound to", async () => {
      const { resourceVersion } = await api.list(ALL_PODS, {}, signal);
      const query = { fieldSelector: "spec.nodeName=contract-node", resourceVersion, timeoutSeconds: 60 };
      await using watch = watching<Pod>(under, ALL_PODS, query);
      await api.create(PODS, pod("bound"), signal);
      await bind(api, "bound");
      const [event] = await watch.take(1);
      assert.equal(event?.type, "ADDED");
      assert.deepEqual(namesOf((await api.list(ALL_PODS, query, signal)).items), ["bound"]);
    });

    it("deletes a pod in two steps: it is told first, and gone when the grace is 0", async () => {
      const made = await api.create<Pod>(PODS, pod("grace"), signal);
      await bind(api, "grace");
      await refuses(api.delete(PODS, "grace", { uid: "another" }, signal), 409, "Conflict");
      await api.delete(PODS, "grace", { gracePeriodSeconds: 20 }, signal);
      const dying = await api.get<Pod>(PODS, "grace", signal);
      assert.equal(dying.metadata?.deletionGracePeriodSeconds, 20);
      assert.ok(dying.metadata?.deletionTimestamp);
      assert.equal(dying.metadata?.generation, 2);
      await api.delete(PODS, "grace", {}, signal);
      await api.delete(PODS, "grace", { gracePeriodSeconds: 30 }, signal);
      assert.equal((await api.get<Pod>(PODS, "grace", signal)).metadata?.deletionGracePeriodSeconds, 20);
      const { uid } = made.metadata ?? {};
      await api.delete(PODS, "grace", { gracePeriodSeconds: 0, uid }, signal);
      await refuses(api.get(PODS, "grace", signal), 404, "NotFound");
    });

    it("keeps status and spec apart, and counts changes of the spec", async () => {
      const made = await api.create<Pod>(PODS, { ...pod("status"), status: { phase: "Running" } } as Pod, signal);
      assert.equal(made.status?.phase, "Pending", "a new pod brings no status");
      assert.equal(made.metadata?.generation, 1);
      const status = { metadata: { uid: made.metadata?.uid }, status: { phase: "Running", podIP: "10.0.0.1" } };
      const body = { ...status, spec: { schedulerName: "other" } };
      const running = await patchStatus(api, "status", body);
      assert.equal(running.status?.phase, "Running");
      assert.equal(running.metadata?.generation, 1);
      assert.notEqual(running.spec?.schedulerName, "other");
      const image = { spec: { containers: [{ name: "web", image: "registry/image:2" }] } };
      const grown = await api.patch<Pod>(
        PODS,
        "status",
        "strategic",
        { ...image, status: { phase: "Failed" } },
        signal,
      );
      assert.equal(grown.metadata?.generation, 2);
      assert.equal(grown.status?.phase, "Running");
      const wrong = { metadata: { uid: "another" }, status: { phase: "Failed" } };
      await refuses(patchStatus(api, "status", wrong), 422, "Invalid");
      await assert.rejects(patchStatus(api, "status", wrong), /metadata\.uid/);
      const same = await patchStatus(api, "status", status);
      assert.equal(same.metadata?.resourceVersion, grown.metadata?.resourceVersion, "nothing changed");
    });

    it("merges conditions by their type in the order asked for, and replaces container statuses", async () => {
      await api.create<Pod>(PODS, pod("merge"), signal);
      const first = {
        status: {
          conditions: ["PodScheduled", "Custom", "Ready"].map((type) => ({ type, status: "False" })),
          containerStatuses: ["a", "b"].map(containerStatus),
        },
      };
      await patchStatus(api, "merge", first);
      const patched = await patchStatus(api, "merge", {
        status: {
          "$setElementOrder/conditions": ["PodScheduled", "Ready", "Custom"].map((type) => ({ type })),
          conditions: [{ type: "Ready", status: "True" }],
          containerStatuses: [containerStatus("b")],
        },
      });
      const { conditions = [], containerStatuses = [] } = patched.status ?? {};
      assert.deepEqual(
        conditions.map(({ type, status }) => `${type} ${status}`),
        ["PodScheduled False", "Ready True", "Custom False"],
      );
      assert.deepEqual(
        containerStatuses.map(({ name }) => name),
        ["b"],
      );
      const removal = { status: { conditions: [{ type: "Custom", $patch: "delete" }] } };
      const left = await patchStatus(api, "merge", removal);
      assert.deepEqual(
        left.status?.conditions?.map(({ type }) => type),
        ["PodScheduled", "Ready"],
      );
    });

    it("answers a subresource that stores nothing", async () => {
      const request = {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: { expirationSeconds: 3600 },
      };
      const named = { name: "default", subresource: "token" };
      const answer = await api.create(at("serviceaccounts"), request as KubeObject, signal, named);
      const { status } = answer as { readonly status?: { readonly token?: string; expirationTimestamp?: string } };
      assert.ok(status?.token);
      assert.match(status.expirationTimestamp ?? "", /^\d{4}-\d\d-\d\dT[\d:]+Z$/);
    });

    it("rejects with the signal's reason when aborted before and during a call, and so does a watch", async () => {
      const reason = new Error("not needed any more");
      await assert.rejects(api.get(CONFIG_MAPS, "create", AbortSignal.abort(reason)), reason);
      const abort = new AbortController();
      const call = api.list(CONFIG_MAPS, {}, abort.signal);
      abort.abort(reason);
      await assert.rejects(call, reason);
      const stop = new AbortController();
      const { resourceVersion } = await api.list(CONFIG_MAPS, {}, signal);
      const watch = api.watch(CONFIG_MAPS, { resourceVersion, timeoutSeconds: 60 }, stop.signal);
      const next = watch[Symbol.asyncIterator]().next();
      await under.clock.sleep(millis(20), signal);
      stop.abort(reason);
      await assert.rejects(next, reason);
    });
  });
}

/** Reads a watch from now on, bookmarks left out. */
function watching<T extends KubeObject>(
  { api, clock }: KubeApiUnderTest,
  collection: Collection,
  query: Parameters<KubeApi["watch"]>[1],
) {
  const stop = new AbortController();
  const events: WatchEvent<T>[] = [];
  const done = (async () => {
    for await (const event of api.watch<T>(collection, query, stop.signal)) {
      if (event.type !== "BOOKMARK") events.push(event);
    }
  })();
  done.catch(() => {});
  return {
    async take(count: number): Promise<readonly WatchEvent<T>[]> {
      const patience: Millis = millis(20_000);
      const end = clock.monotonic() + patience;
      while (events.length < count && clock.monotonic() < end) await clock.sleep(millis(10), stop.signal);
      assert.equal(events.length, count, `events: ${JSON.stringify(events.map(({ type }) => type))}`);
      return events;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done.catch((error: unknown) => assert.equal(error, stop.signal.reason));
    },
  };
}

const namesOf = (items: readonly KubeObject[]): readonly (string | undefined)[] =>
  items.map(({ metadata }) => metadata?.name);

const configMap = (name: string, data: ConfigMap["data"]): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name },
  ...(data === undefined ? {} : { data }),
});

const changed = (object: ConfigMap, data: NonNullable<ConfigMap["data"]>): ConfigMap => ({ ...object, data });

const pod = (name: string): KubeObject =>
  ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    // A scheduler of the name that is there would write conditions of its own meanwhile.
    spec: {
      containers: [{ name: "web", image: "registry/image:1" }],
      automountServiceAccountToken: false,
      schedulerName: "nobody",
    },
  }) as KubeObject;

const containerStatus = (name: string) => ({ name, image: "i", imageID: "", ready: false, restartCount: 0 });

const bind = (api: KubeApi, name: string): Promise<unknown> =>
  api.create(
    PODS,
    {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name },
      target: { apiVersion: "v1", kind: "Node", name: "contract-node" },
    } as KubeObject,
    new AbortController().signal,
    { name, subresource: "binding" },
  );

const patchStatus = (api: KubeApi, name: string, body: unknown): Promise<Pod> =>
  api.patch<Pod>(PODS, name, "strategic", body, new AbortController().signal, { subresource: "status" });

const refuses = (call: Promise<unknown>, status: number, reason: string): Promise<void> =>
  assert.rejects(call, (error) => {
    assert.ok(isFault(error, "api-refused"), String(error));
    assert.deepEqual([error.fault.status, error.fault.reason], [status, reason]);
    return true;
  });

async function tolerate(reason: string, call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof KubeletError) || !isFault(error, "api-refused") || error.fault.reason !== reason)
      throw error;
  }
}
