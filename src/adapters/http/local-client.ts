import { Agent, type IncomingMessage, request } from "node:http";
import { KubeletError, messageOf } from "../../base/fault.ts";
import type { LocalClient } from "../../ports/http-server.ts";

/** Requests over the kubelet's local socket. */
export function createLocalClient(socketPath: string): LocalClient {
  return {
    async get(path, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
      const call = request(
        { socketPath, path, signal, agent: new Agent({ keepAlive: false }), headers: { host: "kubelet" } },
        resolve,
      );
      call.once("error", reject);
      call.end();
      try {
        const reply = await promise;
        return { status: reply.statusCode ?? 0, body: reply };
      } catch (error) {
        signal.throwIfAborted();
        const errno = error instanceof Error && "code" in error ? String(error.code) : "EIO";
        throw new KubeletError(
          `Cannot reach the kubelet at ${socketPath}: ${messageOf(error)}`,
          { code: "file-failed", path: socketPath, errno },
          { cause: error },
        );
      }
    },
  };
}
