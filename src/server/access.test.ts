import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { type Issued, issue } from "../../test/support/certificates.ts";
import { isFault } from "../base/fault.ts";
import type { HttpPeer } from "../ports/http-server.ts";
import { type AccessOptions, claimOf, planAccess } from "./access.ts";
import { parseBundle } from "./client-certificate.ts";

const standalone: AccessOptions = {
  clientCaFile: "",
  anonymous: false,
  webhookAuthentication: false,
  authorizationMode: "AlwaysAllow",
  standalone: true,
};

test("planAccess() serves health only when nobody can be told apart", () => {
  assert.deepEqual(planAccess(standalone), { kind: "health-only" });
  const open = { kind: "guarded", anonymous: false, tokens: false, authorize: false };
  assert.deepEqual(planAccess({ ...standalone, clientCaFile: "/ca" }), open);
  assert.deepEqual(planAccess({ ...standalone, anonymous: true }), { ...open, anonymous: true });
});

const refusals: readonly { name: string; options: Partial<AccessOptions>; says: RegExp }[] = [
  {
    name: "webhook authentication without an API server",
    options: { webhookAuthentication: true },
    says: /no --kubeconfig is given/,
  },
  {
    name: "webhook authorization without an API server",
    options: { authorizationMode: "Webhook" },
    says: /authorization\.mode is "Webhook".*AlwaysAllow/,
  },
];
for (const { name, options, says } of refusals) {
  test(`planAccess() refuses ${name}`, () => {
    assert.throws(
      () => planAccess({ ...standalone, ...options }),
      (error) => isFault(error, "start-refused") && says.test(error.message),
    );
  });
}

test("planAccess() asks the API server where there is one", () => {
  const joined = { ...standalone, standalone: false };
  assert.deepEqual(planAccess({ ...joined, webhookAuthentication: true, authorizationMode: "Webhook" }), {
    kind: "guarded",
    anonymous: false,
    tokens: true,
    authorize: true,
  });
  assert.deepEqual(planAccess(joined), { kind: "health-only" });
});

const ca = await issue({ commonName: "ca", ca: true });
const otherCa = await issue({ commonName: "ca", ca: true });
const middle = await issue({ commonName: "middle", ca: true, by: ca });
const notCa = await issue({ commonName: "leaf-as-ca", by: ca });
const admin = await issue({ commonName: "admin", organizations: ["system:masters", "ops, \n O=x"], by: ca });
const clientOf = (by: Issued, more: object = {}) => issue({ commonName: "someone", by, ...more });
const parsed = ({ cert }: Issued) => new X509Certificate(cert);
const tls = (verified: boolean, ...chain: Issued[]): HttpPeer => ({ kind: "tls", chain: chain.map(parsed), verified });

const guarded = { kind: "guarded", anonymous: false, tokens: false, authorize: false } as const;
const facts = { clientCas: parseBundle(`${ca.cert}\n`), now: new Date() };
const ask = (
  peer: HttpPeer,
  over: { access?: Parameters<typeof claimOf>[1]; headers?: object; path?: string; cas?: string } = {},
) =>
  claimOf(
    { path: over.path ?? "/pods", peer, headers: { ...over.headers } },
    over.access ?? guarded,
    over.cas === undefined ? facts : { ...facts, clientCas: parseBundle(over.cas) },
  );

test("claimOf() takes user and groups from a certificate of the CA, odd characters and all", () => {
  assert.deepEqual(ask(tls(true, admin)), {
    kind: "known",
    identity: { user: "admin", groups: ["system:masters", "ops, \n O=x", "system:authenticated"], by: "certificate" },
  });
});

const day = 24 * 3600 * 1000;
const strangers: readonly { name: string; peer: HttpPeer }[] = [
  { name: "no certificate", peer: tls(false) },
  { name: "a certificate of another CA of the same name", peer: tls(true, await clientOf(otherCa)) },
  { name: "a certificate that signed itself", peer: tls(true, await issue({ commonName: "admin" })) },
  { name: "a certificate that the handshake did not take", peer: tls(false, admin) },
  { name: "a certificate for servers", peer: tls(true, await clientOf(ca, { usage: "server" })) },
  {
    name: "a certificate that is over",
    peer: tls(true, await clientOf(ca, { from: new Date(Date.now() - 9 * day), to: new Date(Date.now() - day) })),
  },
  {
    name: "a certificate that is not yet valid",
    peer: tls(true, await clientOf(ca, { from: new Date(Date.now() + day), to: new Date(Date.now() + 2 * day) })),
  },
  { name: "one signed by a leaf", peer: tls(true, await clientOf(notCa), notCa) },
  { name: "one of an intermediate that is not shown", peer: tls(true, await clientOf(middle)) },
  { name: "plain HTTP", peer: { kind: "plain" } },
];
for (const { name, peer } of strangers) {
  test(`claimOf() does not know ${name}`, () => assert.equal(ask(peer).kind, "unknown"));
}

test("claimOf() follows intermediates", async () => {
  assert.equal(ask(tls(true, await clientOf(middle), middle)).kind, "known");
});

test("claimOf() forgets a CA that was taken from the bundle", () => {
  assert.equal(ask(tls(true, admin), { cas: otherCa.cert }).kind, "unknown");
  assert.equal(ask(tls(true, admin), { cas: `# two\n${otherCa.cert}${ca.cert}` }).kind, "known");
});

test("claimOf() lets the anonymous in only as configured, and never with a token nobody can check", () => {
  const open = { access: { ...guarded, anonymous: true } };
  assert.deepEqual(ask(tls(false), open), {
    kind: "known",
    identity: { user: "system:anonymous", groups: ["system:unauthenticated"], by: "anonymous" },
  });
  assert.equal(ask(tls(false), { ...open, headers: { authorization: "Bearer x" } }).kind, "unknown");
  assert.equal(ask(tls(false, admin), open).kind, "unknown");
});

test("claimOf() hands tokens on where somebody can check them, also beside a certificate that is none", () => {
  const access = { ...guarded, anonymous: true, tokens: true };
  const headers = { authorization: "Bearer x" };
  assert.deepEqual(ask(tls(false), { access, headers }), { kind: "tokens", tokens: ["x"] });
  assert.deepEqual(ask(tls(false, admin), { access, headers }), { kind: "tokens", tokens: ["x"] });
  assert.equal(ask(tls(true, admin), { access, headers }).kind, "known");
  assert.equal(ask(tls(false), { access, headers: { authorization: "Basic eA==" } }).kind, "unknown");
});

test("claimOf() serves health alone without a client CA", () => {
  const access = { kind: "health-only" } as const;
  assert.equal(ask(tls(false), { access, path: "/healthz" }).kind, "known");
  const verdict = ask(tls(false), { access, path: "/pods" });
  assert.ok(verdict.kind === "forbidden" && /clientCAFile/.test(verdict.text));
});

test("claimOf() trusts the root-only socket", () => {
  assert.equal(ask({ kind: "local" }, { access: { kind: "health-only" } }).kind, "known");
});
