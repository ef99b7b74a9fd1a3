import { once } from "node:events";
import { chmod, rename, rm } from "node:fs/promises";
import type { Server } from "node:http";
import { connect } from "node:net";
import { KubeletError, messageOf } from "../../base/fault.ts";
import type { HttpListener } from "../../ports/http-server.ts";
import { listenerOf } from "./listen.ts";

/** The kernel's `sun_path`, without its closing zero. */
const MAX_PATH = 107;

/** Serves a socket that only root can open. @throws KubeletError `start-refused` when another process serves it */
export async function listenOnSocket(server: Server, path: string, endUpgraded: () => void): Promise<HttpListener> {
  const fresh = `${path}.new`;
  if (Buffer.byteLength(fresh) > MAX_PATH) {
    throw refused(
      path,
      `the path is longer than the ${MAX_PATH - 4} bytes that the kernel takes; choose a shorter --root-dir`,
    );
  }
  if (await isServed(path))
    throw refused(path, "another process serves it; is a kubelet running with this --root-dir?");
  await rm(fresh, { force: true });
  try {
    server.listen({ path: fresh });
    await once(server, "listening");
    // Renamed into place when its mode is right: nobody sees it open, and a dead kubelet's socket is replaced in one step.
    await chmod(fresh, 0o600);
    await rename(fresh, path);
  } catch (error) {
    server.close();
    throw refused(path, messageOf(error), error);
  }
  return listenerOf(server, path, endUpgraded, () => rm(path, { force: true }));
}

function isServed(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ path });
  socket.once("connect", () => resolve(true));
  // Absent, or left by a dead process. EAGAIN: somebody's queue is full, so somebody is there.
  socket.once("error", (error) => resolve("code" in error && error.code === "EAGAIN"));
  return promise.finally(() => socket.destroy());
}

const refused = (path: string, why: string, cause?: unknown): KubeletError =>
  new KubeletError(`Cannot listen on socket ${path}: ${why}`, { code: "start-refused", what: path }, { cause });
