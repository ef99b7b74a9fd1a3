import assert from "node:assert/strict";
import { test } from "node:test";
import { makeKubeletMetrics } from "./kubelet-metrics.ts";
import { MetricRegistry } from "./registry.ts";

test("render() writes counters, gauges and cumulative buckets in the text format", () => {
  const registry = new MetricRegistry();
  const calls = registry.counter({ name: "calls_total", help: "Calls.", labels: ["kind"] });
  const time = registry.histogram({ name: "time_seconds", help: "Time.", buckets: [1, 2.5], labels: ["kind"] });
  const level = registry.gauge({ name: "level", help: "Level\nnow." });
  registry.counter({ name: "unused_total", help: "Not yet seen.", labels: ["kind"] });
  calls.add({ kind: 'a"\\\n' });
  calls.add({ kind: 'a"\\\n' }, 2);
  for (const value of [0.5, 1, 2, 99]) time.observe(value, { kind: "x" });
  level.set(7);
  assert.equal(
    registry.render(),
    `# HELP calls_total Calls.
# TYPE calls_total counter
calls_total{kind="a\\"\\\\\\n"} 3
# HELP level Level\\nnow.
# TYPE level gauge
level 7
# HELP time_seconds Time.
# TYPE time_seconds histogram
time_seconds_bucket{kind="x",le="1"} 2
time_seconds_bucket{kind="x",le="2.5"} 3
time_seconds_bucket{kind="x",le="+Inf"} 4
time_seconds_sum{kind="x"} 102.5
time_seconds_count{kind="x"} 4
`,
  );
});

test("remove() drops the series of a subject that is gone", () => {
  const registry = new MetricRegistry();
  const gauge = registry.gauge({ name: "g", help: "G.", labels: ["pod"] });
  gauge.set(1, { pod: "a" });
  gauge.remove({ pod: "a" });
  assert.equal(registry.render(), "\n");
});

test("a name can't be registered twice", () => {
  const registry = new MetricRegistry();
  registry.counter({ name: "c", help: "C." });
  assert.throws(() => registry.gauge({ name: "c", help: "C." }), /metric c twice/);
});

test("makeKubeletMetrics() shows the facts of the node", async () => {
  const { render, runtimeOperationSeconds } = makeKubeletMetrics({
    nodeName: "n1",
    cgroupVersion: 1,
    build: {
      gitVersion: "v1.37.0-ts",
      gitCommit: "abc",
      buildDate: "now",
      nodeVersion: "v26",
      platform: "linux/amd64",
    },
    process: async () => ({
      cpuSeconds: 1.5,
      residentBytes: 2,
      virtualBytes: 3,
      openFiles: 4,
      maxFiles: 5,
      startSeconds: 6,
    }),
    running: () => ({ pods: 2, containers: new Map([["exited", 3]]) }),
  });
  runtimeOperationSeconds.observe(0.006, { operation_type: "version" });
  const text = await render();
  for (const line of [
    "kubelet_running_pods 2",
    'kubelet_running_containers{container_state="exited"} 3',
    'kubelet_node_name{node="n1"} 1',
    "kubelet_cgroup_version 1",
    "process_cpu_seconds_total 1.5",
    'kubelet_runtime_operations_duration_seconds_bucket{operation_type="version",le="0.005"} 0',
    'kubelet_runtime_operations_duration_seconds_bucket{operation_type="version",le="0.0125"} 1',
  ]) {
    assert.ok(text.includes(`\n${line}\n`), line);
  }
  assert.match(
    text,
    /kubernetes_build_info\{.*git_version="v1.37.0-ts".*major="1",minor="37",platform="linux\/amd64"\} 1/,
  );
});
