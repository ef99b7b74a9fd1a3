import assert from "node:assert/strict";
import { test } from "node:test";
import { ProbeMetrics } from "./probe-metrics.ts";

const PROBED = { kind: "Readiness", container: "main", pod: "web", namespace: "shop", uid: "u" };

test("ProbeMetrics counts answers by result, times good ones, and forgets a pod with all of its series", () => {
  const metrics = new ProbeMetrics();
  metrics.answered(PROBED, false, 0.1);
  metrics.answered(PROBED, true, 0.02);
  metrics.answered(PROBED, true, 0.02);
  metrics.answered({ ...PROBED, pod: "db", uid: "v" }, true, 0.02);
  const text = metrics.render();
  const own = 'probe_type="Readiness",result="successful",container="main",pod="web",namespace="shop",pod_uid="u"';
  assert.ok(text.includes(`prober_probe_total{${own}} 2`), text);
  assert.ok(text.includes(`prober_probe_total{${own.replace("successful", "failed")}} 1`), text);
  const timed = 'probe_type="Readiness",container="main",pod="web",namespace="shop"';
  assert.ok(text.includes(`prober_probe_duration_seconds_count{${timed}} 2`), text);
  metrics.forget("u");
  assert.doesNotMatch(metrics.render(), /web/);
  assert.match(metrics.render(), /db/);
  metrics.forget("v");
  assert.equal(metrics.render().trim(), "");
});
