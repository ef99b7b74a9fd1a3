import assert from "node:assert/strict";
import { test } from "node:test";
import { KubeletError } from "../base/fault.ts";
import { type Instant, instant } from "../base/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { Images, Runtime } from "../ports/runtime.ts";
import { makeKubeletMetrics } from "./kubelet-metrics.ts";
import { measuredImages, measuredRuntime } from "./measured-runtime.ts";

const build = { gitVersion: "v1.37.0", gitCommit: "", buildDate: "", nodeVersion: "", platform: "" };

function metricsAndClock() {
  let now = 0;
  const clock: Clock = {
    monotonic: (): Instant => instant(now),
    wall: () => new Date(0),
    sleep: () => Promise.reject(new TypeError("does not sleep")),
  };
  const metrics = makeKubeletMetrics({ nodeName: "n", cgroupVersion: 1, build });
  return { metrics, clock, pass: (span: number) => (now += span) };
}

test("measuredRuntime() counts and times calls, and passes answers and faults on", async () => {
  const { metrics, clock, pass } = metricsAndClock();
  const fault = new KubeletError("gone", { code: "runtime-not-found", call: "StartContainer", id: "c1" });
  const aborted = new DOMException("stop", "AbortError");
  const answers: unknown[] = [fault, aborted];
  const runtime = measuredRuntime(
    {
      async runSandbox() {
        pass(20);
        return "s1";
      },
      startContainer: () => Promise.reject(answers.shift()),
    } as Partial<Runtime> as Runtime,
    metrics,
    clock,
  );
  const { signal } = new AbortController();
  assert.equal(await runtime.runSandbox({} as never, "", signal), "s1");
  await assert.rejects(runtime.startContainer("c1", signal), fault);
  await assert.rejects(runtime.startContainer("c1", signal), aborted);
  const text = await metrics.render();
  for (const line of [
    'kubelet_runtime_operations_total{operation_type="run_podsandbox"} 1',
    'kubelet_runtime_operations_total{operation_type="start_container"} 2',
    'kubelet_runtime_operations_errors_total{operation_type="start_container"} 1',
    'kubelet_runtime_operations_duration_seconds_sum{operation_type="run_podsandbox"} 0.02',
  ]) {
    assert.ok(text.includes(`\n${line}\n`), `${line} in\n${text}`);
  }
});

test("measuredImages() does so for images", async () => {
  const { metrics, clock } = metricsAndClock();
  const images = measuredImages({ pullImage: async () => "ref" } as Partial<Images> as Images, metrics, clock);
  assert.equal(await images.pullImage("i", undefined, undefined, new AbortController().signal), "ref");
  assert.match(await metrics.render(), /^kubelet_runtime_operations_total\{operation_type="pull_image"\} 1$/m);
});
