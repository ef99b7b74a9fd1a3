/** Sends an embedded runtime's pulls from some hosts to a registry of ours, and nowhere else when it does not have the image. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runtimePaths } from "../../src/adapters/containerd/index.ts";

/** `root` is the kubelet's --root-dir. */
export function useRegistry(root: string, address: string, hosts: readonly string[] = ["registry.local"]): void {
  const server = `http://${address}`;
  const lines = [`server = "${server}"`, `[host."${server}"]`, '  capabilities = ["pull", "resolve"]'];
  for (const host of hosts) {
    const folder = join(runtimePaths(root).certs, host);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "hosts.toml"), `${lines.join("\n")}\n`);
  }
}
