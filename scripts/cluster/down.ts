/** `down`: asks the keeper to remove the cluster, or does it when there is no keeper. */
import { listProcesses, networkOf } from "../lib/machine.ts";
import { step } from "../lib/progress.ts";
import { waitFor } from "../lib/wait.ts";
import { findCluster, isAlive, type Place } from "./place.ts";
import { removeLeft } from "./remove.ts";

const PATIENCE_MS = 60_000;

export async function down(place: Place): Promise<number> {
  const found = findCluster(place);
  if (found.kind === "none") {
    console.log("No cluster is up: there is nothing to remove");
    return 0;
  }
  if (found.kind === "left") {
    await step(`Removing a cluster that ${found.why} (${place.folder})`, () => removeLeft(place));
    return 0;
  }
  const network = networkOf(found.state.pid);
  await step(`Removing the cluster in ${place.folder}`, () => stopKeeper(place));
  const inside = network === undefined ? [] : listProcesses().filter(({ pid }) => networkOf(pid) === network);
  for (const { pid, command } of inside)
    console.log(`Process ${pid} is still inside its network, which ends with it: ${command}`);
  return 0;
}

/** Asks the keeper to remove everything and waits for that; a keeper that does not get there is killed, and its work is done here. */
export async function stopKeeper(place: Place): Promise<void> {
  const found = findCluster(place);
  if (found.kind === "kept") {
    const { pid } = found.state;
    process.kill(pid, "SIGTERM");
    await waitFor(`process ${pid} to remove the cluster`, () => !isAlive(found.state), { timeout: PATIENCE_MS }).catch(
      (error: unknown) => {
        console.error(`${error instanceof Error ? error.message : error}; killing it`);
        if (isAlive(found.state)) process.kill(pid, "SIGKILL");
      },
    );
    await waitFor(`process ${pid} to end`, () => !isAlive(found.state));
  }
  if (findCluster(place).kind !== "none") await removeLeft(place);
}
