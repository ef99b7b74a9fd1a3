/** Demos of other terminals: stopping them, and cleaning up after those that were killed. */
import { step } from "../lib/progress.ts";
import { waitFor } from "../lib/wait.ts";
import { findDemos, removePlace } from "./place.ts";

/** Removes what demos left that were killed before they could do so themselves. */
export async function removeKilled(): Promise<void> {
  for (const { place, owner } of findDemos())
    if (!owner) await step(`Cleaning up after a demo that was killed (${place.folder})`, () => removePlace(place));
}

/** Asks every running demo to stop and waits until it has cleaned up. */
export async function stopDemos(): Promise<void> {
  const running = findDemos().filter(({ owner }) => owner !== undefined);
  for (const { place, owner } of running) {
    if (!owner) continue;
    await step(`Stopping the demo in ${place.folder} (process ${owner.pid})`, async () => {
      process.kill(owner.pid, "SIGTERM");
      const isThere = () => findDemos().some((other) => other.owner?.pid === owner.pid);
      await waitFor(`process ${owner.pid} to clean up`, () => !isThere(), { timeout: 60_000 });
    });
  }
  await removeKilled();
  if (running.length === 0) console.log("No demo is running");
}
