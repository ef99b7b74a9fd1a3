import type { ClientRequest } from "node:http";

/** Answers that lead elsewhere, of those that Go's client follows. */
export const REDIRECTS: ReadonlySet<number | undefined> = new Set([301, 302, 303, 307, 308]);

/** Ends a request that is answered 101 though it asked for no upgrade. Without a listener Node would tell neither of the answer nor of an error, ever. */
export function refuseUpgrade(sent: ClientRequest, reject: (error: Error) => void): void {
  sent.once("upgrade", (_response, socket) => {
    socket.destroy();
    reject(new Error("it answered 101 Switching Protocols, which nobody had asked for"));
  });
}
