/** Ports for programs that cannot choose one by themselves. */
import { createServer } from "node:net";

/** Given away by this process: who asked for one may not listen on it yet when the next asks. */
const given = new Set<number>();

/** A TCP port on loopback that nothing listens on now and that was not given before. Another program may take it before it is used: ask late. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await unusedPort();
    if (given.has(port)) continue;
    given.add(port);
    return port;
  }
}

async function unusedPort(): Promise<number> {
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
