/** Ports for programs that cannot choose one by themselves. */
import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/**
 * Below those that the kernel gives to whoever connects (from 32768 on, unless told otherwise), and above those of services: a program
 * that is started again finds its port as free as it left it.
 */
const RANGE = { first: 15_000, end: 30_000 };
const MOST_TRIES = 1_000;

/** Given away by this process: who asked for one may not listen on it yet when the next asks. */
const given = new Set<number>();

/** A TCP port on loopback that nothing listens on now and that was not given before. Another program may take it before it is used: ask late. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const port = randomInt(RANGE.first, RANGE.end);
    if (given.has(port) || !(await isUnused(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no port from ${RANGE.first} to ${RANGE.end - 1} seems to be free on 127.0.0.1`);
}

async function isUnused(port: number): Promise<boolean> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  server.on("error", () => resolve(false));
  server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  return await promise;
}
