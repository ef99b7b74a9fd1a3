import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "../base/fault.ts";
import { readKeyPair } from "../model/certificate.ts";
import { clientCredentials, whyUnusable } from "./client-certificate.ts";
import { FakeCluster, fakeKeys, issueFor } from "./fake-cluster.ts";
import { PairFiles } from "./pair-files.ts";
import { clientWish } from "./wishes.ts";

const D = "/var/lib/kubelet/pki";
const CURRENT = `${D}/kubelet-client-current.pem`;

async function newPair(now: Date, lifeMs = 3600_000) {
  const key = await fakeKeys.make();
  const request = JSON.parse(await fakeKeys.request(key, clientWish("n")));
  return readKeyPair(await issueFor(request, { now, lifeMs }), key);
}

/** A disk, and promises of it that are kept while time passes. */
function place(others: readonly { cert: string; key: string }[] = []) {
  const cluster = new FakeCluster();
  const done = async <T>(work: Promise<T>): Promise<T> => {
    work.catch(() => {});
    await cluster.pass(1000);
    return work;
  };
  const pairs = new PairFiles({ directory: D, prefix: "kubelet-client", others }, cluster);
  return { cluster, done, pairs, files: cluster.files };
}

test("keep() writes certificate and key into a dated file and points the link at it; current() reads it", async () => {
  const { cluster, done, pairs, files } = place();
  const [first, second] = [await newPair(cluster.clock.wall()), await newPair(cluster.clock.wall())];
  await done(pairs.keep(first, new Date("2026-03-04T05:06:07Z")));
  assert.equal(await done(files.readlink(CURRENT)), `${D}/kubelet-client-2026-03-04-05-06-07.pem`);
  assert.equal((await done(files.statFollow(CURRENT)))?.mode, 0o600);
  await done(pairs.keep(second, new Date("2027-03-04T05:06:07Z")));
  assert.deepEqual(await done(pairs.current()), second);
  assert.equal((await done(files.list(D)))?.length, 3);
});

test("current() finishes a swap that was cut off", async () => {
  const { cluster, done, pairs, files } = place();
  const pair = await newPair(cluster.clock.wall());
  await done(pairs.keep(pair, new Date()));
  await done(files.rename(CURRENT, `${D}/kubelet-client-updated.pem`));
  assert.deepEqual(await done(pairs.current()), pair);
  assert.ok(await done(files.readlink(CURRENT)));
});

test("current() takes the first pair that is there; one that can't be read is none", async () => {
  const { cluster, done, pairs, files } = place([{ cert: "/k/c.pem", key: "/k/k.pem" }]);
  const pair = await newPair(cluster.clock.wall());
  assert.equal(await done(pairs.current()), undefined);
  await done(files.makeDirectory("/k", 0o700));
  await done(files.writeAtomic("/k/c.pem", pair.cert, 0o600));
  assert.equal(await done(pairs.current()), undefined);
  await done(files.writeAtomic("/k/k.pem", pair.key, 0o600));
  assert.deepEqual(await done(pairs.current()), pair);
  await done(pairs.keep(await newPair(cluster.clock.wall()), new Date()));
  await done(files.writeAtomic(CURRENT, "torn", 0o600));
  assert.equal(await done(pairs.current()), undefined);
});

test("keep() does not put a file away that is not the link it expects", async () => {
  const { cluster, done, pairs, files } = place();
  await done(files.makeDirectory(D, 0o755));
  await done(files.writeAtomic(CURRENT, "somebody's", 0o600));
  await assert.rejects(
    done(pairs.keep(await newPair(cluster.clock.wall()), new Date())),
    (error) => isFault(error, "file-failed") && /is a file, not a symlink; remove it/.test(error.message),
  );
});

test("whyUnusable() tells which certificate of a kubeconfig can't be used, and why", async () => {
  const now = new Date("2026-06-01T00:00:00Z");
  const pair = await newPair(now);
  const other = await newPair(now);
  const later = new Date("2026-06-01T02:00:00Z");
  const why = (cert: string | undefined, key: string | undefined, at = now) =>
    whyUnusable({ what: "client certificate /c", cert, key }, at);
  assert.equal(why(pair.cert, pair.key), undefined);
  // Not valid yet: the clock may be wrong, and a bootstrap would not help.
  assert.equal(why(pair.cert, pair.key, new Date("2026-05-01T00:00:00Z")), undefined);
  assert.match(
    why(pair.cert, pair.key, later) ?? "",
    /^client certificate \/c expired at 2026-06-01T01:00:00Z, 1h0m0s ago: the clock of this node says 2026-06-01T02:00:00Z; if/,
  );
  assert.match(why(`${pair.cert}${pair.cert}`, pair.key, later) ?? "", /expired/);
  assert.match(why(undefined, pair.key) ?? "", /there is no client certificate$/);
  assert.match(why(pair.cert, undefined) ?? "", /there is no key$/);
  assert.match(why(pair.cert, other.key) ?? "", /holds a private key that is not the certificate's$/);
  assert.match(why("x", pair.key) ?? "", /holds no PEM certificate$/);
  assert.match(why(pair.cert, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA\n") ?? "", /encrypted ones can't/);
});

test("clientCredentials() gives the same object for the same pair, and says what it waits for", async () => {
  const { signal } = new AbortController();
  const pair = await newPair(new Date());
  const rotation = { current: undefined as typeof pair | undefined, trouble: "request x waits" };
  const credentials = clientCredentials(rotation, "https://a");
  await assert.rejects(
    credentials.current(signal),
    (error) => isFault(error, "api-unavailable") && /no good client certificate: request x waits$/.test(error.message),
  );
  rotation.current = pair;
  const given = await credentials.current(signal);
  assert.deepEqual(given, { cert: pair.cert, key: pair.key });
  assert.equal(await credentials.current(signal), given);
  rotation.current = await newPair(new Date());
  assert.notEqual(await credentials.current(signal), given);
});
