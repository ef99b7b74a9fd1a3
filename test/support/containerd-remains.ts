/** What a containerd leaves when it ends: shims, containers, mounts, network namespaces, sockets outside its folder. Found by its folder's path. */
import { globSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { listProcesses, unmountUnder } from "../../scripts/lib/machine.ts";
import { tryRun } from "../../scripts/lib/run.ts";
import { waitFor } from "../../scripts/lib/wait.ts";

export interface Remains {
  readonly folder: string;
  /** Files in /run/netns that hold the pods' networks. */
  readonly networks: readonly string[];
  /** Sockets of shims, under /run/containerd whatever the state folder. */
  readonly sockets: readonly string[];
  /** Where runc remembers containers, under /run/containerd/runc unless the runtime was told otherwise. */
  readonly states: readonly string[];
}

/** Looks while the daemon still runs and the shims' files still tell where their sockets are. */
export function remainsOf(folder: string): Remains {
  const addresses = globSync(join(folder, "state/io.containerd.runtime.v2.task/*/*/{address,bootstrap.json}")).map(
    (file) => readFileSync(file, "utf8"),
  );
  const sockets = addresses.flatMap((text) =>
    [...text.matchAll(/unix:\/\/([^"\s]+)/g)].flatMap(([, path]) => path ?? []),
  );
  return { folder, networks: networksOf(folder), sockets, states: statesOf(folder) };
}

/** Sandboxes' namespaces are named in the OCI configurations of their containers. */
function networksOf(folder: string): string[] {
  const configs = globSync(join(folder, "state/io.containerd.runtime.v2.task/*/*/config.json"));
  const paths = configs.flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(/"path":"((?:\/var)?\/run\/netns\/[^"]+)"/g)].flatMap(
      ([, path]) => path ?? [],
    ),
  );
  return [...new Set(paths)];
}

/** A container's bundle, which its state names, lies in the folder of its containerd. */
function statesOf(folder: string): string[] {
  const files = globSync("/run/containerd/runc/*/*/state.json");
  return files.filter((file) => readFileSync(file, "utf8").includes(`${folder}/`)).map(dirname);
}

/** Ends and removes all of it. The daemon must have ended. */
export async function removeRemains({ folder, networks, sockets, states }: Remains): Promise<void> {
  const doomed = doomedPids(folder);
  for (const pid of doomed) kill(pid);
  await waitFor(`processes of ${folder} to end`, () => doomedPids(folder).length === 0, { timeout: 60_000 });
  for (const file of networks) {
    await tryRun("umount", [file]);
    rmSync(file, { force: true });
  }
  for (const path of [...sockets, ...states]) rmSync(path, { force: true, recursive: true });
  await unmountUnder(folder);
}

/** The shims of this containerd, which name its socket in their command line, and everything below them. */
function doomedPids(folder: string): number[] {
  const all = listProcesses();
  const shims = all
    .filter(({ command }) => command.includes("containerd-shim") && command.includes(`${folder}/`))
    .map(({ pid }) => pid);
  const doomed = new Set(shims);
  // Processes are listed by pid, not by age: repeat until no child of a doomed one is new.
  for (let before = -1; before !== doomed.size; ) {
    before = doomed.size;
    for (const { pid, parent } of all) if (doomed.has(parent)) doomed.add(pid);
  }
  return [...doomed];
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
