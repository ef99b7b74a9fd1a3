import type { Passage } from "../../ports/http-server.ts";
import type { Bridge } from "../http/bridge.ts";
import { ByteReader } from "./byte-reader.ts";
import { dataFrame, pingFrame, readFrames, StreamOpener } from "./frames.ts";
import { spdyHeaders } from "./tunnel.ts";
import { handshakeProblem, NORMAL, WebSocket } from "./websocket.ts";
import { written } from "./written.ts";

type Streams = Extract<Passage, { kind: "channels" }>;

const PROTOCOL = "v5.channel.k8s.io";
/** What the runtime's end speaks: a status as JSON on the error stream, sizes on the resize stream. */
const SPDY_PROTOCOL = "v4.channel.k8s.io";
/** Numbers of the WebSocket's channels. */
const CHANNELS = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;
type Name = keyof typeof CHANNELS;
/** "The channel that the next byte names gets no more." */
const CLOSE_SIGNAL = 255;
const LONGEST_STATUS = 64 * 1024;

/** exec and attach: channels of a WebSocket in front, SPDY streams behind. */
export const channels = (streams: Streams): Bridge => ({
  request(message, sent) {
    const problem = handshakeProblem(message);
    return problem === undefined ? { method: "POST", headers: spdyHeaders(sent, [SPDY_PROTOCOL]) } : { problem };
  },

  async carry({ message, client, head }, { socket, head: early }) {
    const webSocket = new WebSocket(message, client, head, PROTOCOL);
    // Tells the client that the streams are there before any of them has something to say.
    await webSocket.send(Buffer.from([CHANNELS[streams.stdout ? "stdout" : streams.stderr ? "stderr" : "error"]]));
    const opener = new StreamOpener();
    const numbers = new Map<Name, number>();
    for (const name of namesOf(streams)) {
      const { stream, frame } = opener.open({ streamtype: name });
      numbers.set(name, stream);
      await written(socket, frame);
    }
    const there = async () => {
      for await (const { name, bytes, fin } of clientData(webSocket)) {
        const stream = numbers.get(name);
        if (stream !== undefined) await written(socket, dataFrame(stream, bytes, fin));
      }
      socket.destroySoon();
    };
    const back = async () => {
      const status = await forwarded(new ByteReader(socket, early), numbers, webSocket, (frame) =>
        written(socket, frame),
      );
      await webSocket.send(Buffer.from([CHANNELS.error]), status);
      await webSocket.close(NORMAL);
    };
    await Promise.all([there(), back()]);
    client.destroy();
  },
});

/** In the order in which upstream's client opens them. */
const namesOf = ({ stdin, stdout, stderr, tty }: Streams): readonly Name[] => [
  "error",
  ...(stdin ? (["stdin"] as const) : []),
  ...(stdout ? (["stdout"] as const) : []),
  ...(stderr && !tty ? (["stderr"] as const) : []),
  ...(tty ? (["resize"] as const) : []),
];

interface Input {
  readonly name: "stdin" | "resize";
  readonly bytes: Buffer;
  readonly fin: boolean;
}

/** What the client sends to the process; on other channels it has nothing to say. */
async function* clientData(webSocket: WebSocket): AsyncGenerator<Input> {
  let channel: number | undefined;
  for await (const { first, bytes } of webSocket.parts()) {
    let rest = bytes;
    if (first) channel = undefined;
    if (channel === undefined && rest.length > 0) {
      channel = rest[0];
      rest = rest.subarray(1);
    }
    if (rest.length === 0) continue;
    if (channel === CLOSE_SIGNAL) {
      if (rest[0] === CHANNELS.stdin) yield { name: "stdin", bytes: Buffer.alloc(0), fin: true };
    } else if (channel === CHANNELS.stdin) yield { name: "stdin", bytes: rest, fin: false };
    else if (channel === CHANNELS.resize) yield { name: "resize", bytes: rest, fin: false };
  }
}

/** Hands output on until all of it and the status are there, or the connection ends. Returns the status, as JSON. */
async function forwarded(
  reader: ByteReader,
  numbers: ReadonlyMap<Name, number>,
  webSocket: WebSocket,
  send: (frame: readonly Buffer[]) => Promise<void>,
): Promise<Buffer> {
  const names = new Map([...numbers].map(([name, stream]) => [stream, name]));
  const open = new Set<Name>([...numbers.keys()].filter((name) => name !== "stdin" && name !== "resize"));
  const status: Buffer[] = [];
  let size = 0;
  for await (const frame of readFrames(reader)) {
    if (frame.kind === "ping") await send(pingFrame(frame.id));
    if (frame.kind === "goaway") break;
    if (!("stream" in frame)) continue;
    const name = names.get(frame.stream);
    if (name === undefined) continue;
    if (frame.kind === "data" && frame.bytes.length > 0) {
      if (name === "error") {
        size += frame.bytes.length;
        if (size <= LONGEST_STATUS) status.push(frame.bytes);
      } else await webSocket.send(Buffer.from([CHANNELS[name]]), frame.bytes);
    }
    if (frame.kind === "reset" || frame.fin) open.delete(name);
    if (open.size === 0) return status.length > 0 ? Buffer.concat(status) : SUCCESS;
  }
  return status.length > 0 ? Buffer.concat(status) : CUT_OFF;
}

const json = (status: object): Buffer =>
  Buffer.from(JSON.stringify({ kind: "Status", apiVersion: "v1", metadata: {}, ...status }));
const SUCCESS = json({ status: "Success" });
const CUT_OFF = json({
  status: "Failure",
  message: "Internal error occurred: the container runtime ended the connection before the command was over",
  reason: "InternalError",
  code: 500,
});
