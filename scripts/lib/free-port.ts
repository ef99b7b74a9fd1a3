/** Ports for programs that cannot choose one by themselves. */
import { createServer } from "node:net";

/** A TCP port on loopback that nothing listens on now. Another program may take it before it is used: ask late. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.on("error", reject);
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    server.close(() =>
      typeof address === "object" && address !== null ? resolve(address.port) : reject(new Error("no port was given")),
    );
  });
  return await promise;
}
