import { join } from "node:path";
import { sideBySide } from "../base/side-by-side.ts";
import { firstAttempt } from "../containers/index.ts";
import type { Pod } from "../model/kubernetes.ts";
import { podDirectory, podLogDirectory, podPluginsDirectory, podVolumesDirectory } from "../model/names.ts";
import { allContainersOf, nameOf, namespaceOf, uidOf } from "../model/pod.ts";
import type { Files } from "../ports/files.ts";
import type { Memory } from "./memory.ts";

export interface PrepareDeps {
  readonly files: Files;
  readonly rootDir: string;
  readonly podLogsDir: string;
  readonly cgroups: { ensure(pod: Pod): Promise<void> };
  readonly volumes: { setUp(pod: Pod, signal: AbortSignal): Promise<ReadonlyMap<string, string>> };
}

/**
 * Cgroup, directories and volumes of a pod. All of it may be there already: a kubelet that starts again comes through here too. A part that fails does
 * not let the others go on alone: the pod may be removed next. `newest`: the pod as it is by then. What changes before its volumes are begun nobody
 * brings up to date in them.
 */
export async function prepare(
  newest: () => Pod,
  memory: Memory,
  deps: PrepareDeps,
  signal: AbortSignal,
): Promise<void> {
  const pod = newest();
  const uid = uidOf(pod);
  const { files, rootDir } = deps;
  await sideBySide([
    deps.cgroups.ensure(pod),
    (async () => {
      await files.makeDirectory(podDirectory(rootDir, uid), 0o750);
      await files.makeDirectory(podVolumesDirectory(rootDir, uid), 0o750);
      await files.makeDirectory(podPluginsDirectory(rootDir, uid), 0o750);
      for (const [name, path] of await deps.volumes.setUp(newest(), signal)) memory.volumes.set(name, path);
    })(),
    readAttempts(pod, memory, deps),
  ]);
  memory.prepared = true;
}

/** Where the runtime lost its containers, their logs still tell how often they ran: a new instance must not write over them. */
async function readAttempts(pod: Pod, memory: Memory, deps: PrepareDeps): Promise<void> {
  const logs = podLogDirectory(deps.podLogsDir, { name: nameOf(pod), namespace: namespaceOf(pod), uid: uidOf(pod) });
  if ((await deps.files.list(logs)) === undefined) return;
  for (const { name } of allContainersOf(pod)) {
    memory.attempts.set(name, firstAttempt((await deps.files.list(join(logs, name))) ?? []));
  }
}
