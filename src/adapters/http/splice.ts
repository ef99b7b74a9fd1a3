import type { Socket } from "node:net";

/** How long a side whose peer has ended may stay silent. */
export const LAST_WORDS_MS = 10_000;

/**
 * Two connections become one: bytes go both ways as fast as the slower side takes them, an end is passed on as an end, a break as a break.
 * Resolves when both are closed.
 */
export async function splice(one: Socket, other: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let open = 2;
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.pipe(to);
    from.once("end", () => expectEnd(to));
    from.once("close", () => {
      if (!from.readableEnded) to.destroy();
      if (--open === 0) resolve();
    });
    // What follows is "close".
    from.on("error", () => {});
    if (from.destroyed) to.destroy();
  }
  await promise;
}

/** A side that hears no more need not speak either: it gets its last bytes out, and is closed once nothing moves. */
export function expectEnd(side: Socket): void {
  side.setTimeout(LAST_WORDS_MS, () => {
    // Somebody who reads slowly is waited for, as long as the connection lives.
    if (side.writableLength > 0) expectEnd(side);
    else side.destroy();
  });
}
