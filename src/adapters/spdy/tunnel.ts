import { subprotocolsOf } from "../../base/upgrade.ts";
import type { Bridge } from "../http/bridge.ts";
import { handshakeProblem, NORMAL, WebSocket } from "./websocket.ts";
import { written } from "./written.ts";

const PREFIX = "SPDY/3.1+";
const SUFFIX = ".k8s.io";
const VERSION_HEADER = "x-stream-protocol-version";

/** A SPDY connection inside a WebSocket: what the messages hold goes to the streaming server as it is. */
export const tunnel: Bridge = {
  request(message, sent) {
    const problem = handshakeProblem(message);
    const protocols = subprotocolsOf(message.headers)
      .filter((name) => name.startsWith(PREFIX) && name.endsWith(SUFFIX))
      .map((name) => name.slice(PREFIX.length));
    if (problem !== undefined) return { problem };
    if (protocols.length === 0) return { problem: "unable to upgrade: no tunneling spdy protocols provided" };
    return { method: "POST", headers: spdyHeaders(sent, protocols) };
  },

  async carry({ message, client, head }, { response, socket, head: early }) {
    const chosen = [response.headers[VERSION_HEADER] ?? []].flat()[0];
    const webSocket = new WebSocket(message, client, head, chosen === undefined ? "" : `${PREFIX}${chosen}`);
    const there = async () => {
      for await (const { bytes } of webSocket.parts()) await written(socket, [bytes]);
      socket.destroySoon();
    };
    const back = async () => {
      if (early.length > 0) await webSocket.send(early);
      try {
        for await (const bytes of socket) await webSocket.send(bytes);
      } catch {
        // A break is an end, for who can't see the difference.
      }
      await webSocket.close(NORMAL);
    };
    await Promise.all([there(), back()]);
    client.destroy();
  },
};

/** Headers of a SPDY upgrade, out of those of a WebSocket's. */
export function spdyHeaders(
  sent: ReadonlyMap<string, readonly string[]>,
  protocols: readonly string[],
): Map<string, readonly string[]> {
  const kept = [...sent].filter(([name]) => !name.startsWith("sec-websocket-") && name !== "origin");
  return new Map([
    ...kept,
    ["connection", ["Upgrade"]],
    ["upgrade", ["SPDY/3.1"]],
    [VERSION_HEADER, protocols],
    ["content-length", ["0"]],
  ]);
}
