/** Removes what a cluster left whose keeper was killed before it could. */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { stopEmbedded } from "../../src/adapters/containerd/index.ts";
import { createClock } from "../../src/adapters/linux/index.ts";
import { silentLog } from "../../src/base/log.ts";
import { remainsOf, removeRemains } from "../../test/support/containerd-remains.ts";
import { listProcesses, type Process, removeCgroup, unmountUnder } from "../lib/machine.ts";
import { waitFor } from "../lib/wait.ts";
import { type Place, removeFolder } from "./place.ts";

/** By the program's file: not whatever else names the folder, such as somebody's `tail -f`. */
const PROGRAMS: readonly string[] = [
  ...["etcd", "server", "kube-apiserver", "kube-controller-manager", "kube-scheduler"],
  ...["kubelet", "node", "docker-registry", "containerd"],
];

/** Ends everything that runs in a place and removes it, whatever state it is in. What was already gone is fine. */
export async function removeLeft(place: Place): Promise<void> {
  const remains = remainsOf(join(place.node, "cd"));
  for (const { pid } of programsOf(place)) process.kill(pid, "SIGKILL");
  await waitFor(`the programs of ${place.folder} to end`, () => programsOf(place).length === 0);
  const root = join(place.node, "root");
  if (existsSync(join(root, "runtime")))
    await stopEmbedded(root, { log: silentLog, clock: createClock() }, new AbortController().signal);
  await removeRemains(remains);
  await unmountUnder(place.folder);
  await removeCgroup(`/${place.cgroup}`);
  removeFolder(place);
}

function programsOf({ folder }: Place): readonly Process[] {
  return listProcesses().filter(({ command, ended, pid }) => {
    const [program = ""] = command.split(" ");
    return !ended && pid !== process.pid && PROGRAMS.includes(basename(program)) && command.includes(`${folder}/`);
  });
}
