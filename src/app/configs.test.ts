import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerFacts } from "../lifecycle/index.ts";
import type { Container, Pod } from "../model/kubernetes.ts";
import { type ConfigDeps, createConfigs } from "./configs.ts";

const envOf = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
const web: Container = { name: "web", image: "i", env: [envOf("IP", "status.podIP"), envOf("IPS", "status.podIPs")] };
const pod: Pod = { metadata: { name: "p", namespace: "default", uid: "u" }, spec: { containers: [web] } };

test("a container's variables name the pod's addresses as its status does, its hosts file as the runtime does", async () => {
  const written: string[] = [];
  const deps = {
    files: { makeDirectory: async () => {}, writeInPlace: async (_: string, text: string) => void written.push(text) },
    references: { objects: {}, services: async () => [] },
    settings: { nodeName: "n", nodeIps: ["2001:db8::1", "192.0.2.1"], rootDir: "/r", maskedPaths: [], allocatable: {} },
    containerResources: () => ({}),
  };
  const facts = {
    attempt: 0,
    image: { ref: "i", info: { username: "", uid: undefined } },
    volumes: new Map(),
    sandbox: { ips: ["10.0.0.9", "fd00:0:0::9", "10.0.0.10"] },
    seen: { containers: [] },
  };
  const { container } = createConfigs(deps as unknown as ConfigDeps);
  const { envs } = await container(pod, web, facts as unknown as ContainerFacts, new AbortController().signal);
  const values = new Map(envs.map(({ key, value }) => [key, value]));
  assert.deepEqual([values.get("IP"), values.get("IPS")], ["fd00::9", "fd00::9,10.0.0.9"]);
  assert.match(written.join(), /10\.0\.0\.9\tp\n.*fd00:0:0::9\tp\n10\.0\.0\.10\tp/);
});
