import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "../config/fake-machine.ts";
import { resourceValue } from "../model/downward.ts";
import { coreSettings, type Machine } from "./settings.ts";

test("a container without limits is told what the Node gives to pods, once there is a Node", async () => {
  const config = await load(["--kubeconfig=/k"]);
  const machine = { cpus: 2, memoryBytes: 4 * 2 ** 30, pidMax: 1000 } as Machine;
  let told: { readonly [resource: string]: string } = {};
  const settings = coreSettings(
    config,
    machine,
    { podLogsDir: "/l", containerLogsDir: "/c" },
    { nodeIps: () => [], nodeAllocatable: () => told, runtimeName: "containerd", maskedPaths: [] },
  );
  const limits = () =>
    ["cpu", "memory", "ephemeral-storage"].map((resource) => {
      const around = { ...settings, hostIps: [], podIps: [] };
      const value = resourceValue({ resource: `limits.${resource}` }, {}, {}, around);
      return value.kind === "value" ? value.text : value.kind;
    });
  assert.deepEqual(limits(), ["2", `${4 * 2 ** 30}`, "0"]);
  told = { cpu: "1900m", memory: "3Gi", "ephemeral-storage": "10Gi" };
  assert.deepEqual(limits(), ["2", `${3 * 2 ** 30}`, `${10 * 2 ** 30}`]);
});
