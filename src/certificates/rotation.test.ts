import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../base/fault.ts";
import type { CertificateRequest } from "../ports/keys.ts";
import { FakeCluster, fakeKeys, issueFor } from "./fake-cluster.ts";
import { PairFiles } from "./pair-files.ts";
import { Rotation, type RotationOptions } from "./rotation.ts";
import { SIGNING_REQUESTS } from "./signing-request.ts";
import { CLIENT_SIGNER, CLIENT_USAGES, clientWish, SERVING_SIGNER, SERVING_USAGES } from "./wishes.ts";

const DIRECTORY = "/var/lib/kubelet/pki";
const CURRENT = `${DIRECTORY}/kubelet-client-current.pem`;
const KEY = `${DIRECTORY}/kubelet-client.key.tmp`;
const HOUR = 3600_000;
const DAY = 24 * HOUR;
const MINUTE = 60_000;

/** A rotation that runs on a fake cluster; disposing it is a kill. */
function start(cluster: FakeCluster, options: Partial<RotationOptions> = {}) {
  const told = { failed: 0, lived: [] as number[] };
  const stop = new AbortController();
  const prefix = options.signer === SERVING_SIGNER ? "kubelet-server" : "kubelet-client";
  const rotation = new Rotation(
    {
      what: "Client certificate",
      signer: CLIENT_SIGNER,
      usages: CLIENT_USAGES,
      wish: () => clientWish("n"),
      renews: true,
      firstKeyFile: KEY,
      endsWithout: true,
      ...options,
    },
    {
      ...cluster,
      files: cluster.files,
      keys: fakeKeys,
      pairs: new PairFiles({ directory: DIRECTORY, prefix, others: [] }, cluster),
      withApi: cluster.lend,
      listener: { failed: () => told.failed++, rotated: (lived) => told.lived.push(lived) },
    },
  );
  const ended: { error?: unknown } = {};
  (async () => {
    await rotation.load();
    return rotation.run(stop.signal);
  })().catch((error) => {
    if (!stop.signal.aborted) ended.error = error;
  });
  return {
    rotation,
    told,
    ended,
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("killed"));
      // To its end: a second one that let time pass beside it would find the turn to sign taken, and not wait for the signer.
      await cluster.pass(MINUTE);
    },
  };
}

const names = ({ requests }: FakeCluster) => requests.map(({ metadata }) => metadata?.name ?? "");
const contentOf = async (cluster: FakeCluster, path: string) => {
  const reading = cluster.files.read(path, 1e6);
  await cluster.pass(10);
  const content = await reading;
  return content && Buffer.from(content).toString();
};

test("the first certificate is asked for, awaited and kept as the Go kubelet keeps it", async () => {
  const cluster = new FakeCluster();
  cluster.verdict = () => "wait";
  await using node = start(cluster);
  await cluster.pass(5 * MINUTE);
  const [csr, ...more] = cluster.requests;
  assert.deepEqual(more, []);
  assert.match(csr?.metadata?.name ?? "", /^node-csr-[\w-]{43}$/);
  assert.equal(csr?.spec.signerName, "kubernetes.io/kube-apiserver-client-kubelet");
  assert.deepEqual(csr?.spec.usages, ["digital signature", "client auth"]);
  assert.match(node.rotation.trouble ?? "", /waits to be approved and signed \(kubectl certificate approve node-csr-/);
  assert.match((await contentOf(cluster, KEY)) ?? "", /BEGIN EC PRIVATE KEY/);

  cluster.verdict = () => "approve";
  cluster.judge();
  await cluster.pass(MINUTE);
  await node.rotation.ready;
  assert.equal(node.rotation.trouble, undefined);
  assert.equal(node.rotation.current?.facts.commonName, "system:node:n");
  assert.match((await contentOf(cluster, CURRENT)) ?? "", /^-----BEGIN CERT[\s\S]+-----BEGIN EC PRIVATE KEY/);
  const link = cluster.files.readlink(CURRENT);
  await cluster.pass(10);
  assert.match((await link) ?? "", /^\/var\/lib\/kubelet\/pki\/kubelet-client-2026-01-01-00-05-0\d\.pem$/);
  assert.equal(await contentOf(cluster, KEY), undefined);
  assert.deepEqual(node.told, { failed: 0, lived: [] });
});

test("a kubelet that is killed while it waits goes on with the same request", async () => {
  const cluster = new FakeCluster();
  cluster.verdict = () => "wait";
  {
    await using _ = start(cluster);
    await cluster.pass(MINUTE);
  }
  await using node = start(cluster);
  await cluster.pass(MINUTE);
  assert.equal(cluster.requests.length, 1);
  cluster.verdict = () => "approve";
  cluster.judge();
  await cluster.pass(MINUTE);
  assert.ok(node.rotation.current);
  assert.equal(cluster.requests.length, 1);
});

test("a certificate is renewed after 70 to 90 % of its life, with a new key and a new object", async () => {
  const cluster = new FakeCluster();
  await using node = start(cluster);
  await cluster.pass(MINUTE);
  const first = node.rotation.current;
  await cluster.pass(0.69 * DAY);
  assert.equal(node.rotation.current, first);
  await cluster.pass(0.22 * DAY);
  const second = node.rotation.current;
  assert.ok(first && second && second !== first && second.key !== first.key);
  assert.match(names(cluster)[0] ?? "", /^csr-/);
  await cluster.pass(10 * DAY);
  assert.ok(node.rotation.current);
  assert.ok(node.told.lived.length >= 11 && node.told.lived.length <= 16, `${node.told.lived.length}`);
  for (const lived of node.told.lived) assert.ok(lived >= 0.7 * DAY && lived <= 0.9 * DAY + MINUTE, `${lived}`);
  assert.equal(node.told.failed, 0);
});

test("a good certificate on disk is used after a start, without a request", async () => {
  const cluster = new FakeCluster();
  {
    await using _ = start(cluster);
    await cluster.pass(MINUTE);
  }
  await using node = start(cluster);
  await cluster.pass(MINUTE);
  assert.ok(node.rotation.current);
  assert.equal(cluster.requests.length, 1);
});

test("a node that was off past its certificate's life asks for a new one", async () => {
  const cluster = new FakeCluster();
  {
    await using _ = start(cluster);
    await cluster.pass(MINUTE);
  }
  await cluster.pass(2 * DAY);
  await using node = start(cluster);
  await cluster.pass(MINUTE);
  assert.ok(node.rotation.current);
  assert.equal(cluster.requests.length, 2);
});

test("a denied request is said, asked after again at upstream's pace, and made anew when somebody deletes it", async () => {
  const cluster = new FakeCluster();
  cluster.verdict = () => "deny";
  await using node = start(cluster, { endsWithout: false });
  await cluster.pass(10 * MINUTE);
  assert.equal(cluster.requests.length, 1);
  assert.match(node.rotation.trouble ?? "", /node-csr-\S+: it was denied \(Test: was told to deny\)$/);
  // 2, 4, 8, 16, then every 32 s.
  assert.ok(node.told.failed >= 18 && node.told.failed <= 24, `${node.told.failed}`);
  cluster.verdict = () => "approve";
  cluster.api.server.delete(SIGNING_REQUESTS, names(cluster)[0] ?? "", {});
  await cluster.pass(MINUTE);
  assert.ok(node.rotation.current);
});

test("a request that nobody signs is given up after 15 minutes and asked for again", async () => {
  const cluster = new FakeCluster();
  cluster.verdict = () => "wait";
  await using node = start(cluster, { firstKeyFile: undefined });
  await cluster.pass(16 * MINUTE);
  assert.equal(cluster.requests.length, 2);
  assert.equal(node.told.failed, 1);
});

test("an API server that is away is waited for, also in the middle of a watch", async () => {
  const cluster = new FakeCluster();
  cluster.verdict = () => "wait";
  cluster.api.faults.down = true;
  await using node = start(cluster);
  await cluster.pass(10 * MINUTE);
  assert.match(node.rotation.trouble ?? "", /connection refused/);
  cluster.api.faults.down = false;
  await cluster.pass(MINUTE);
  assert.equal(cluster.requests.length, 1);
  cluster.api.server.cutWatches();
  cluster.api.faults.down = true;
  await cluster.pass(3 * MINUTE);
  cluster.api.faults.down = false;
  cluster.verdict = () => "approve";
  cluster.judge();
  await cluster.pass(MINUTE);
  assert.ok(node.rotation.current);
  assert.equal(node.ended.error, undefined);
});

test("without a certificate for five minutes while the API server says no, the kubelet ends", async () => {
  const cluster = new FakeCluster();
  cluster.api.faults.judge = () => ({ kind: "refused", status: 401, reason: "Unauthorized" });
  await using node = start(cluster);
  await cluster.pass(4.9 * MINUTE);
  assert.equal(node.ended.error, undefined);
  await cluster.pass(MINUTE);
  assert.ok(isFault(node.ended.error, "start-refused"));
  assert.match(
    String(node.ended.error),
    /no good client certificate for 5 minutes.*simulated 401.*--bootstrap-kubeconfig/,
  );
});

const silent: readonly [
  name: string,
  fault: { readonly kind: "unavailable" } | { readonly kind: "refused"; readonly status: number },
][] = [
  ["is away", { kind: "unavailable" }],
  ["is broken", { kind: "refused", status: 503 }],
];
for (const [name, fault] of silent) {
  test(`without a certificate, while the API server ${name}, the kubelet goes on`, async () => {
    const cluster = new FakeCluster();
    cluster.api.faults.judge = () => fault;
    await using node = start(cluster);
    await cluster.pass(HOUR);
    assert.equal(node.ended.error, undefined);
    cluster.api.faults.judge = undefined;
    await cluster.pass(MINUTE);
    assert.ok(node.rotation.current);
  });
}

test("a certificate that expires because nobody renews it ends the kubelet five minutes later, not before", async () => {
  const cluster = new FakeCluster();
  await using node = start(cluster);
  await cluster.pass(MINUTE);
  cluster.verdict = () => "wait";
  const expiry = (node.rotation.expiresAt?.getTime() ?? 0) - cluster.clock.wall().getTime();
  await cluster.pass(expiry + 4 * MINUTE);
  assert.equal(node.rotation.current, undefined);
  assert.equal(node.ended.error, undefined);
  await cluster.pass(2 * MINUTE);
  assert.ok(isFault(node.ended.error, "start-refused"));
});

test("a certificate of another key, or one that has expired, is refused and another key is made", async () => {
  for (const [verdict, lifeMs] of [
    ["other key", HOUR],
    ["expired", 1],
  ] as const) {
    const cluster = new FakeCluster();
    cluster.lifeMs = lifeMs;
    if (verdict === "other key") {
      const spki = JSON.parse(await fakeKeys.request(await fakeKeys.make(), clientWish("n"))).spki;
      const pem = await issueFor({ spki, wish: clientWish("n") }, { now: cluster.clock.wall(), lifeMs });
      cluster.verdict = (csr) => {
        const status = {
          conditions: [{ type: "Approved", status: "True" }],
          certificate: Buffer.from(pem).toString("base64"),
        };
        cluster.setStatus(csr, status);
        return "wait";
      };
    }
    await using node = start(cluster);
    await cluster.pass(10_000);
    assert.ok(node.told.failed >= 1);
    assert.equal(node.rotation.current, undefined);
    assert.ok(cluster.requests.length >= 2, `${cluster.requests.length}`);
  }
});

const serving = (ip: string): CertificateRequest => ({ ...clientWish("n"), dnsNames: ["n"], ipAddresses: [ip] });
const SERVING: Partial<RotationOptions> = {
  what: "Serving certificate",
  signer: SERVING_SIGNER,
  usages: SERVING_USAGES,
  firstKeyFile: undefined,
  endsWithout: false,
};

test("a serving certificate is asked for when the addresses are known, and again when they change", async () => {
  const cluster = new FakeCluster();
  let wish: CertificateRequest | undefined;
  await using node = start(cluster, { ...SERVING, wish: () => wish });
  await cluster.pass(MINUTE);
  assert.equal(cluster.requests.length, 0);
  wish = serving("10.0.0.1");
  node.rotation.wishChanged();
  await cluster.pass(5000);
  assert.deepEqual(node.rotation.current?.facts.ipAddresses, ["10.0.0.1"]);
  wish = serving("fd00::1");
  node.rotation.wishChanged();
  await cluster.pass(5000);
  assert.deepEqual(node.rotation.current?.facts.ipAddresses, ["fd00::1"]);
  assert.equal(cluster.requests.length, 2);
});

test("a request for addresses of before is left", async () => {
  const cluster = new FakeCluster();
  cluster.verdict = () => "wait";
  let wish = serving("10.0.0.1");
  await using node = start(cluster, { ...SERVING, wish: () => wish });
  await cluster.pass(MINUTE);
  wish = serving("10.0.0.2");
  node.rotation.wishChanged();
  cluster.verdict = (csr) => (csr.metadata?.name === names(cluster)[0] ? "wait" : "approve");
  await cluster.pass(MINUTE);
  assert.equal(cluster.requests.length, 2);
  assert.deepEqual(node.rotation.current?.facts.ipAddresses, ["10.0.0.2"]);
});

test("a signer that leaves something out is not asked for the same again before it is time", async () => {
  const cluster = new FakeCluster();
  cluster.signs = (wish) => ({ ...wish, dnsNames: [] });
  await using node = start(cluster, { ...SERVING, wish: () => serving("10.0.0.1") });
  await cluster.pass(0.6 * DAY);
  assert.ok(node.rotation.current);
  assert.equal(cluster.requests.length, 1);
});

test("a clock that jumps makes no storm", async () => {
  const cluster = new FakeCluster();
  await using node = start(cluster);
  await cluster.pass(MINUTE);
  cluster.time.jumpWall(-2 * HOUR);
  await cluster.pass(20 * MINUTE);
  assert.equal(cluster.requests.length, 1);
  cluster.time.jumpWall(2 * HOUR);
  await cluster.pass(20 * MINUTE);
  assert.equal(cluster.requests.length, 1);
  assert.ok(node.rotation.current);
});

test("without renewal only the first certificate is asked for", async () => {
  const cluster = new FakeCluster();
  await using node = start(cluster, { renews: false, endsWithout: false });
  await cluster.pass(0.99 * DAY);
  assert.equal(cluster.requests.length, 1);
  assert.ok(node.rotation.current);
});
