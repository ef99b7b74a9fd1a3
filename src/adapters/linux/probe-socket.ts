import type { Socket } from "node:net";
import type { Millis } from "../../base/units.ts";
import { dialText, joinHostPort } from "./go-net-words.ts";

/** The end of one probe: of its time, or of its caller's. */
export interface ProbeTime {
  readonly signal: AbortSignal;
  /** The time was up. */
  readonly isOver: () => boolean;
}

export function probeTime(timeout: Millis, signal: AbortSignal): ProbeTime {
  const limit = AbortSignal.timeout(timeout);
  return { signal: AbortSignal.any([signal, limit]), isOver: () => limit.aborted && !signal.aborted };
}

/** A connection for one probe. Thousands of probes a minute must not fill the table of those that linger in TIME_WAIT: it ends by a reset. */
export interface Line extends Disposable {
  readonly socket: Socket;
}

/** @throws Error `dial tcp …` in Go's words, or `signal.reason` */
export async function dial(host: string, port: number, time: ProbeTime): Promise<Line> {
  time.signal.throwIfAborted();
  const { connect } = process.getBuiltinModule("node:net");
  const socket = connect({ host, port });
  const address = joinHostPort(host, port);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = () => reject(time.isOver() ? new Error(`dial tcp ${address}: i/o timeout`) : time.signal.reason);
  time.signal.addEventListener("abort", onAbort, { once: true });
  socket.once("connect", resolve);
  socket.once("error", (error) => reject(new Error(dialText(address, error), { cause: error })));
  // Whatever comes later is seen by who reads, or is of no interest any more.
  socket.on("error", () => {});
  try {
    await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    time.signal.removeEventListener("abort", onAbort);
  }
  return lineOf(socket, [socket]);
}

/** `raw` carries what `sockets` say. Node ends what is over in peace, after which it can't be reset: here it resets it. */
export function lineOf(raw: Socket, sockets: readonly Socket[]): Line {
  const cut = () => {
    if (raw.destroyed) return;
    // Shut down all the same: the other side had closed it first, and lingers itself.
    if (sockets.some(({ writableEnded }) => writableEnded)) raw.destroy();
    else raw.resetAndDestroy();
    for (const socket of sockets) socket.destroy();
  };
  for (const socket of sockets) socket.destroySoon = cut;
  return { socket: sockets.at(-1) ?? raw, [Symbol.dispose]: cut };
}
