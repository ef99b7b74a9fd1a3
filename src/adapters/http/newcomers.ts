import type { Server } from "node:http";
import type { Socket } from "node:net";

/**
 * Connections that have asked nothing yet never hold more than `most` of the server's places: the one that has been silent for longest goes when another
 * comes. Else whoever opens connections and says nothing would lock everybody out, the API server too, for as long as the server is patient.
 */
export function limitNewcomers(server: Server, most: number): void {
  const silent = new Map<string, Socket>();
  const spoke = ({ socket }: { socket: Socket }): void => {
    silent.delete(keyOf(socket));
  };
  server.on("connection", (socket: Socket) => {
    const key = keyOf(socket);
    silent.set(key, socket);
    socket.once("close", () => {
      if (silent.get(key) === socket) silent.delete(key);
    });
    if (silent.size <= most) return;
    const [oldest] = silent.values();
    oldest?.destroy();
  });
  server.on("request", spoke);
  server.on("upgrade", spoke);
}

/** The same for a TCP connection and for the TLS connection on it, which are two objects. */
const keyOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
