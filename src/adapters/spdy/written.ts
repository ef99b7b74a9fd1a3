import type { Socket } from "node:net";

/** Writes in one go, and waits while the other side does not take it. Resolves as well when the connection is gone: its reader is told. */
export async function written(socket: Socket, pieces: readonly Buffer[]): Promise<void> {
  if (socket.destroyed || socket.writableEnded) return;
  socket.cork();
  let room = true;
  for (const piece of pieces) room = socket.write(piece);
  socket.uncork();
  if (room) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = () => {
    socket.off("drain", done);
    socket.off("close", done);
    resolve();
  };
  socket.on("drain", done);
  socket.on("close", done);
  await promise;
}
