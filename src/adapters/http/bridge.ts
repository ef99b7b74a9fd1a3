import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Dialed, UpgradeRequest } from "./dial.ts";

export interface Arrival {
  readonly message: IncomingMessage;
  readonly client: Socket;
  /** What came behind the request already. */
  readonly head: Buffer;
}

/** How a client and the runtime's streaming server are brought together. */
export interface Bridge {
  /** What the streaming server is asked for; else why the client's request can't be served. `sent`: the client's headers, as they are passed on. */
  request(
    message: IncomingMessage,
    sent: ReadonlyMap<string, readonly string[]>,
  ): UpgradeRequest | { readonly problem: string };
  /** Answers the client with 101 and carries bytes until both are closed. Never rejects. */
  carry(arrival: Arrival, dialed: Extract<Dialed, { kind: "upgraded" }>): Promise<void>;
}
