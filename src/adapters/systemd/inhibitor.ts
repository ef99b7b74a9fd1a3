import { closeSync } from "node:fs";
import { KubeletError, messageOf } from "../../base/fault.ts";
import { authentication } from "./bus.ts";
import { decodeMessage, encodeMessage, messageLength } from "./wire.ts";

export interface Inhibitor {
  /** "shutdown", "sleep", joined by ":". */
  readonly what: string;
  readonly who: string;
  readonly why: string;
  readonly mode: "delay" | "block";
}

const CALLS = [
  { destination: "org.freedesktop.DBus", path: "/org/freedesktop/DBus", interface: "org.freedesktop.DBus" },
  {
    destination: "org.freedesktop.login1",
    path: "/org/freedesktop/login1",
    interface: "org.freedesktop.login1.Manager",
  },
] as const;
const INHIBIT = 2;
const PATIENCE_SECONDS = 5;
const CHUNK_BYTES = 4096;

/**
 * Takes an inhibitor lock of logind, which is held until it is disposed or the process ends: the lock is a file descriptor that logind sends. Node's
 * sockets can't receive one, so this conversation has a socket of its own, by system calls on koffi's threads (ADR 16).
 * @throws KubeletError `file-failed`, or `signal.reason`
 */
export async function takeInhibitor(bus: string, inhibitor: Inhibitor, signal: AbortSignal): Promise<Disposable> {
  signal.throwIfAborted();
  const { openSocket } = await import("./descriptor-socket.ts");
  const descriptors: number[] = [];
  try {
    using socket = await openSocket(bus, PATIENCE_SECONDS);
    await socket.send(Buffer.from(`\0${authentication()}`));
    let received = await answered(socket, "OK ");
    await socket.send(Buffer.from("NEGOTIATE_UNIX_FD\r\n"));
    received = await answered(socket, "AGREE_UNIX_FD", received);
    const { what, who, why, mode } = inhibitor;
    const [hello, inhibit] = CALLS;
    await socket.send(
      Buffer.concat([
        Buffer.from("BEGIN\r\n"),
        encodeMessage({ ...hello, kind: "call", serial: 1, member: "Hello", signature: "", body: [] }),
        encodeMessage({
          ...{ ...inhibit, kind: "call", serial: INHIBIT, member: "Inhibit" },
          signature: "ssss",
          body: [what, who, why, mode],
        }),
      ]),
    );
    for (;;) {
      const length = messageLength(received);
      if (length !== undefined && received.length >= length) {
        const message = decodeMessage(received.subarray(0, length));
        received = received.subarray(length);
        if (message.kind === "error") throw new Error(String(message.body[0] ?? message.errorName));
        if (message.replyTo === INHIBIT) break;
        continue;
      }
      const { bytes, descriptors: sent } = await socket.receive(CHUNK_BYTES);
      descriptors.push(...sent);
      received = Buffer.concat([received, bytes]);
    }
    signal.throwIfAborted();
    const [lock, ...others] = descriptors.splice(0);
    for (const fd of others) closeSync(fd);
    if (lock === undefined) throw new Error("logind sent no file descriptor");
    let held = true;
    return {
      [Symbol.dispose]() {
        if (held) closeSync(lock);
        held = false;
      },
    };
  } catch (error) {
    for (const fd of descriptors) closeSync(fd);
    signal.throwIfAborted();
    if (error instanceof KubeletError) throw error;
    throw new KubeletError(
      `Cannot take an inhibitor lock of logind at ${bus}: ${messageOf(error)}`,
      { code: "file-failed", path: bus, errno: "EIO" },
      { cause: error },
    );
  }
}

/** The rest behind a line that begins as expected. */
async function answered(
  socket: { receive(size: number): Promise<{ readonly bytes: Buffer }> },
  expected: string,
  before: Buffer = Buffer.alloc(0),
): Promise<Buffer> {
  let received = before;
  for (let end = received.indexOf("\r\n"); ; end = received.indexOf("\r\n")) {
    if (end >= 0) {
      const line = received.toString("latin1", 0, end);
      if (!line.startsWith(expected)) throw new Error(`the bus said "${line}" instead of ${expected.trim()}`);
      return received.subarray(end + 2);
    }
    if (received.length > CHUNK_BYTES) throw new Error("the peer does not speak D-Bus");
    received = Buffer.concat([received, (await socket.receive(CHUNK_BYTES)).bytes]);
  }
}
