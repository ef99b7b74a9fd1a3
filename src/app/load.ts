import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { detectHost, type HostFacts } from "../adapters/linux/index.ts";
import { type LoadDeps, type Loaded, loadConfig } from "../config/index.ts";

/** How the configuration is read on this machine: for a start as for `config view`. */
export function configDepsHere(host: HostFacts): Omit<LoadDeps, "argv"> {
  return {
    facts: { cgroupVersion: host.cgroupVersion, hostname: host.hostname, cwd: process.cwd() },
    readFile: (path) => readFile(path, "utf8"),
    listConfigDir: listTree,
  };
}

/**
 * Works out what this command line asks for, and what machine this is.
 * @throws KubeletError "config-invalid" with every problem found
 */
export async function loadHere(
  argv: readonly string[],
): Promise<{ readonly host: HostFacts; readonly loaded: Loaded }> {
  const host = detectHost();
  return { host, loaded: await loadConfig({ argv, ...configDepsHere(host) }) };
}

async function listTree(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)));
}
