import assert from "node:assert/strict";
import { test } from "node:test";
import type { Container, PodSpec } from "../model/kubernetes.ts";
import { fieldsWithoutEffect, unsupportedFields } from "./no-effect.ts";
import { firstAttempt } from "./restart-count.ts";

const pod = (spec: Partial<PodSpec>) => ({ metadata: { name: "web" }, spec: { containers: [], ...spec } });
const one = (container: Partial<Container>) => pod({ containers: [{ name: "a", ...container }] });
const fields = (problems: readonly { readonly field: string }[]) => problems.map(({ field }) => field);

test("fieldsWithoutEffect() says nothing about a plain pod", () => {
  assert.deepEqual(fieldsWithoutEffect(one({ image: "x", env: [{ name: "A" }] }), false), []);
  assert.deepEqual(unsupportedFields(one({ image: "x", env: [{ name: "A" }] }), false), []);
});

test("fieldsWithoutEffect() names each field by its path", () => {
  const probe = { tcpSocket: { port: 1 } };
  const containers = [
    { name: "a", resources: { limits: { "ephemeral-storage": "1Mi", "nvidia.com/gpu": "1" } } },
    { name: "b", livenessProbe: probe, readinessProbe: probe, startupProbe: probe, lifecycle: { preStop: {} } },
  ];
  const initContainers = [{ name: "i", lifecycle: { postStart: {}, stopSignal: "SIGUSR1" } }];
  assert.deepEqual(fields(fieldsWithoutEffect(pod({ activeDeadlineSeconds: 1, containers, initContainers }), false)), [
    "spec.initContainers[0].lifecycle.postStart",
    "spec.initContainers[0].lifecycle.stopSignal",
    "spec.containers[0].resources",
    "spec.containers[0].resources.limits[ephemeral-storage]",
    "spec.containers[1].lifecycle.preStop",
  ]);
});

test("what needs an API server is refused only where there is none", () => {
  const given = pod({ runtimeClassName: "gvisor", imagePullSecrets: [{ name: "s" }] });
  assert.deepEqual(fields(unsupportedFields(given, false)), ["spec.runtimeClassName"]);
  assert.deepEqual(fields(fieldsWithoutEffect(given, false)), ["spec.imagePullSecrets"]);
  assert.deepEqual([...unsupportedFields(given, true), ...fieldsWithoutEffect(given, true)], []);
});

test("unsupportedFields() names what must not run here", () => {
  const spec = {
    hostUsers: false,
    runtimeClassName: "gvisor",
    os: { name: "windows" },
    containers: [{ name: "a", resources: { claims: [{ name: "gpu" }] } }],
  };
  assert.deepEqual(fields(unsupportedFields(pod(spec), false)), [
    "spec.hostUsers",
    "spec.os.name",
    "spec.runtimeClassName",
    "spec.containers[0].resources.claims",
  ]);
  assert.deepEqual(unsupportedFields(pod({ hostUsers: true, os: { name: "linux" } }), false), []);
});

test("firstAttempt() goes past the newest log", () => {
  assert.equal(firstAttempt([]), 0);
  assert.equal(firstAttempt(["0.log", "2.log", "2.log.20260101-000000.gz", "10.log.gz", "x.log", "7.txt"]), 11);
});
