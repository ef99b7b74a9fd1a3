import assert from "node:assert/strict";
import { test } from "node:test";
import { load, loadYaml, problemsOfLoad } from "./fake-machine.ts";

test("without a kubeconfig nobody is asked and nobody gets in unknown", async () => {
  for (const config of [await load([]), await loadYaml("")]) {
    const { kubelet, mainPort, standalone } = config;
    assert.ok(standalone);
    assert.equal(mainPort, "healthz-only");
    assert.equal(kubelet.address, "127.0.0.1");
    assert.equal(kubelet.readOnlyPort, 0);
    assert.equal(kubelet.authentication.anonymous.enabled, false);
    assert.equal(kubelet.authentication.webhook.enabled, false);
    assert.equal(kubelet.authorization.mode, "AlwaysAllow");
    assert.equal(config.origins.get("address")?.kind, "standalone-difference");
  }
});

test("a client CA opens the main port, to every address", async () => {
  const { kubelet, mainPort, origins } = await load(["--client-ca-file=/ca.crt"]);
  assert.deepEqual([mainPort, kubelet.address, origins.get("address")?.kind], ["whole", "0.0.0.0", "default"]);
});

test("what a person sets stays", async () => {
  const config = await loadYaml("address: 0.0.0.0\nreadOnlyPort: 5\n");
  assert.deepEqual(
    [config.kubelet.address, config.mainPort, config.kubelet.readOnlyPort],
    ["0.0.0.0", "healthz-only", 5],
  );
  const open = await load(["--anonymous-auth=true"]);
  assert.deepEqual([open.kubelet.authentication.anonymous.enabled, open.mainPort], [true, "whole"]);
});

test("what a person asks of an API server is refused, as it cannot work", async () => {
  const asked =
    "authentication: {webhook: {enabled: true}}\nauthorization: {mode: Webhook}\nserverTLSBootstrap: true\n";
  const problems = await problemsOfLoad(loadYaml(asked));
  assert.deepEqual(
    problems.map(({ field }) => field),
    ["authentication.webhook.enabled", "authorization.mode", "serverTLSBootstrap"],
  );
  assert.match(problems[0]?.message ?? "", /give --kubeconfig, or set it to false \(from \/etc\/k\.yaml\)/);
});

test("with a kubeconfig upstream's defaults are in force", async () => {
  const { kubelet, mainPort } = await load(["--kubeconfig=/k"]);
  assert.deepEqual(
    [
      kubelet.authentication.anonymous.enabled,
      kubelet.authentication.webhook.enabled,
      kubelet.authorization.mode,
      kubelet.readOnlyPort,
    ],
    [true, false, "AlwaysAllow", 10255],
  );
  assert.deepEqual([kubelet.address, mainPort], ["0.0.0.0", "whole"]);
  const file = (await loadYaml("", ["--kubeconfig=/k"])).kubelet;
  assert.deepEqual(
    [
      file.authentication.anonymous.enabled,
      file.authentication.webhook.enabled,
      file.authorization.mode,
      file.readOnlyPort,
    ],
    [false, true, "Webhook", 0],
  );
});

test("with a kubeconfig and no way in the kubelet refuses", async () => {
  const problems = await problemsOfLoad(loadYaml("authentication: {webhook: {enabled: false}}\n", ["--kubeconfig=/k"]));
  assert.deepEqual(
    problems.map(({ field }) => field),
    ["authentication"],
  );
});
