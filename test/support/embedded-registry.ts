/** Sends an embedded runtime's pulls of "registry.local" to a registry of ours. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runtimePaths } from "../../src/adapters/containerd/index.ts";

/** `root` is the kubelet's --root-dir. */
export function useRegistry(root: string, address: string): void {
  const folder = join(runtimePaths(root).certs, "registry.local");
  mkdirSync(folder, { recursive: true });
  const server = `http://${address}`;
  const lines = [`server = "${server}"`, `[host."${server}"]`, '  capabilities = ["pull", "resolve"]'];
  writeFileSync(join(folder, "hosts.toml"), `${lines.join("\n")}\n`);
}
