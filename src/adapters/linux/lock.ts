import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { KubeletError } from "../../base/fault.ts";
import { millis } from "../../base/units.ts";
import { createClock } from "./clock.ts";
import { errnoOf, fileFault } from "./fault.ts";
import { libc } from "./libc.ts";

const LOCK_NAME = ".kubelet-ts.lock";
const LOOK_AGAIN = millis(250);

/**
 * One kubelet per root directory. The kernel holds the lock (flock(2)) and drops it when the process ends, however it ends; the file
 * stays, with the holder's pid for whoever is refused.
 * @throws KubeletError `start-refused`, naming that pid
 */
export async function lockRootDirectory(root: string): Promise<Disposable> {
  const path = join(root, LOCK_NAME);
  const lock = await tryLock(path);
  if (lock !== undefined) return lock;
  const pid = readFileSync(path, "latin1").trim();
  const holder = /^\d+$/.test(pid) ? `the kubelet with pid ${pid}` : "another kubelet";
  throw new KubeletError(
    `Cannot use root directory ${root}: ${holder} runs on it; stop that one or choose another --root-dir`,
    { code: "start-refused", what: "root directory lock" },
  );
}

/** `--lock-file`: waits until whoever holds it lets go. */
export async function waitForLockFile(path: string, signal: AbortSignal): Promise<Disposable> {
  const clock = createClock();
  for (;;) {
    signal.throwIfAborted();
    const lock = await tryLock(path);
    if (lock !== undefined) return lock;
    await clock.sleep(LOOK_AGAIN, signal);
  }
}

/** undefined: held by another process (or by this one, through an earlier call). */
async function tryLock(path: string): Promise<Disposable | undefined> {
  const { tryFlock } = await libc();
  const fd = open(path);
  let held = false;
  try {
    held = tryFlock(fd);
    if (!held) return undefined;
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`, 0);
    // Closing lets go. Node opens with O_CLOEXEC, so no child keeps the lock after us.
    return { [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    // A file system without flock (errno ENOLCK, ENOSYS) can't be shared safely.
    held = false;
    throw fileFault("lock", path, error);
  } finally {
    if (!held) closeSync(fd);
  }
}

function open(path: string): number {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
  try {
    return openSync(path, flags, 0o600);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "EROFS") throw fileFault("lock (is the root directory read-only?)", path, error);
    throw fileFault("lock", path, error);
  }
}
