import "reflect-metadata";
import { createPublicKey, generateKeyPairSync, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { silentLog } from "../base/log.ts";
import type { CertificateSigningRequest } from "../model/kubernetes.ts";
import type { CertificateRequest, Keys } from "../ports/keys.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import { Chance } from "../sim/chance.ts";
import { Disk } from "../sim/disk.ts";
import { Faults } from "../sim/faults.ts";
import { SimKubeApi } from "../sim/kube-api.ts";
import { SimFiles } from "../sim/sim-files.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { World } from "../sim/world.ts";
import { SIGNING_REQUESTS } from "./signing-request.ts";

const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const PAUSE = new Error("somebody has to sign");
x509.cryptoProvider.set(webcrypto as Crypto);

/** Keys as they are, requests as JSON in a PEM: what the signer below reads. */
export const fakeKeys: Keys = {
  make: async () =>
    generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "sec1", format: "pem" }) as string,
  async request(key, wish) {
    const spki = createPublicKey(key).export({ type: "spki", format: "der" }).toString("base64");
    return JSON.stringify({ spki, wish });
  },
};

/** A certificate for the public key (SPKI, base64), good from a minute ago for `lifeMs`. PEM. */
export async function issueFor(
  { spki, wish }: { readonly spki: string; readonly wish: CertificateRequest },
  { now, lifeMs }: { readonly now: Date; readonly lifeMs: number },
): Promise<string> {
  const publicKey = await webcrypto.subtle.importKey("spki", Buffer.from(spki, "base64"), EC, true, ["verify"]);
  const { privateKey } = await webcrypto.subtle.generateKey(EC, true, ["sign", "verify"]);
  const names = [
    ...wish.dnsNames.map((value) => ({ type: "dns" as const, value })),
    ...wish.ipAddresses.map((value) => ({ type: "ip" as const, value })),
  ];
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: "01",
    subject: [...wish.organizations.map((name) => ({ O: [name] })), { CN: [wish.commonName] }],
    issuer: "CN=ca",
    publicKey,
    signingKey: privateKey,
    signingAlgorithm: EC,
    notBefore: now,
    notAfter: new Date(now.getTime() + lifeMs),
    extensions: names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)],
  });
  return `${made.toString("pem")}\n`;
}

export type Verdict = "approve" | "deny" | "fail" | "wait";

/** A cluster with a signer, a node's disk, and time that a test moves. While the signer works time stands still. */
export class FakeCluster {
  readonly time = new VirtualTime();
  readonly stop = new AbortController();
  readonly disk = new Disk();
  readonly random = new Chance(7);
  readonly faults = new Faults();
  readonly clock = this.time.clock(new AbortController().signal);
  readonly files = new SimFiles(
    this.disk,
    new World(this.time, this.random),
    this.faults,
    new AbortController().signal,
  );
  readonly api = new SimKubeApi(this.clock);
  readonly log = silentLog;
  /** Judges requests that nobody has judged. */
  verdict: (csr: CertificateSigningRequest) => Verdict = () => "approve";
  lifeMs = 24 * 3600_000;
  /** Changes what is certified: a signer may leave something out. */
  signs: (wish: CertificateRequest) => CertificateRequest = (wish) => wish;
  #changed = true;

  constructor() {
    this.api.server.onChange = () => (this.#changed = true);
  }

  get requests(): readonly CertificateSigningRequest[] {
    return this.api.server.list<CertificateSigningRequest>(SIGNING_REQUESTS).items;
  }

  lend = <T>(_: unknown, use: (api: KubeApi) => Promise<T>): Promise<T> => use(this.api);

  /** Looks at all requests again: for a verdict that has changed. */
  judge(): void {
    this.#changed = true;
  }

  async pass(ms: number): Promise<void> {
    const end = this.time.now() + ms;
    do {
      // What a test did before is looked at before time goes on.
      if (await this.#runUntil(this.time.now())) await this.#runUntil(end);
    } while (this.time.now() < end);
  }

  /** true: got there. false: signed, and time stands where it was needed. */
  async #runUntil(end: number): Promise<boolean> {
    try {
      await this.time.runUntil(end, () => {
        if (this.#changed) throw PAUSE;
      });
      if (!this.#changed) return true;
    } catch (error) {
      if (error !== PAUSE) throw error;
    }
    this.#changed = false;
    for (const csr of this.requests) if (!csr.status?.conditions?.length) await this.#sign(csr);
    return false;
  }

  async #sign(csr: CertificateSigningRequest): Promise<void> {
    const verdict = this.verdict(csr);
    if (verdict === "wait") return;
    const type = { approve: "Approved", deny: "Denied", fail: "Failed" }[verdict];
    const { spki, wish } = JSON.parse(Buffer.from(csr.spec.request, "base64").toString());
    const at = { now: this.clock.wall(), lifeMs: this.lifeMs };
    const pem = verdict === "approve" ? await issueFor({ spki, wish: this.signs(wish) }, at) : "";
    const conditions = [{ type, status: "True", reason: "Test", message: `was told to ${verdict}` }];
    const status = { conditions, ...(pem === "" ? {} : { certificate: Buffer.from(pem).toString("base64") }) };
    this.setStatus(csr, status);
  }

  setStatus(csr: CertificateSigningRequest, status: CertificateSigningRequest["status"]): void {
    const signed: CertificateSigningRequest = { ...csr, status };
    this.api.server.replace(SIGNING_REQUESTS, csr.metadata?.name ?? "", signed, "status");
  }
}
