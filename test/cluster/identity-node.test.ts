/** A node that joins with nothing but a token, and whose server shows what the cluster gave it: kubelet, API server and kubectl as they are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "node:tls";
import { TestCluster } from "../support/cluster.ts";
import { LISTENING, ONCE_UP } from "../support/cluster-pods.ts";
import { shellPod } from "../support/kubelet.ts";

const CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const SERVING = "kubernetes.io/kubelet-serving";

interface Csr {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly signerName: string };
}

/** What the kubelet's port shows; undefined: the handshake fails. */
async function shown(host: string, port: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = connect({ host, port, rejectUnauthorized: false }, () => {
    resolve(String(socket.getPeerCertificate().subject.CN));
    socket.destroy();
  });
  socket.on("error", () => resolve(undefined));
  return await promise;
}

test("a node joins by bootstrap; logs can be read when its serving certificate is approved", async () => {
  await using cluster = await TestCluster.start({
    kubelet: "ours",
    identity: "bootstrap",
    config: { serverTLSBootstrap: true, tlsCertFile: "", tlsPrivateKeyFile: "" },
  });
  const { port } = cluster.node.places;
  assert.equal(await shown(cluster.address, port), undefined);
  await cluster.createPod(shellPod("one", `echo hello from one; ${LISTENING}`, ONCE_UP));
  await cluster.waitReady("one");
  const early = await cluster.tryKubectl(["logs", "one"]);
  assert.match(early.stderr, /tls: |handshake/);

  const isServing = ({ spec }: Csr) => spec.signerName === SERVING;
  let request: Csr | undefined;
  while (request === undefined) request = (await cluster.api.list<Csr>(CSRS)).find(isServing);
  await cluster.kubectl("certificate", "approve", request.metadata.name);
  while ((await shown(cluster.address, port)) === undefined);
  assert.equal(await shown(cluster.address, port), "system:node:node");
  // The API server verifies it: see verifyKubelets.
  assert.equal(await cluster.kubectl("logs", "one"), "hello from one\n");
  const metrics = await cluster.kubectl("get", "--raw", "/api/v1/nodes/node/proxy/metrics");
  assert.match(metrics, /^kubelet_certificate_manager_client_ttl_seconds \d+$/m);
  assert.match(metrics, /^kubelet_certificate_manager_server_ttl_seconds \d+$/m);
});
