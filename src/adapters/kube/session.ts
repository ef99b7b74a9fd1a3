import type { ApiEndpoint } from "../../ports/kube-api.ts";

export interface ApiRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: { readonly [name: string]: string };
  readonly body: Uint8Array | undefined;
  /** It goes on for minutes, mostly silent. */
  readonly isWatch: boolean;
}

export interface ApiResponse {
  readonly status: number;
  readonly headers: { readonly [name: string]: string | readonly string[] | undefined };
  /** Ends early, with or without an error, when the connection breaks: ask `isWhole` after it. */
  readonly body: AsyncIterable<Uint8Array>;
  isWhole(): boolean;
}

/** Who we are to the peer and who it must be: a connection is made for one of these. */
export interface Identity {
  readonly endpoint: ApiEndpoint;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** One connection, or for HTTP/1.1 as many as needed. Errors are Node's own; they are put into words by the caller. */
export interface Session {
  /** Takes another request. */
  readonly isFree: boolean;
  readonly isOver: boolean;
  /** Nothing of it is open any more. */
  readonly isClosed: boolean;
  /** Resolves with the head of the answer. An abort ends the exchange at any time, its body included. */
  send(request: ApiRequest, signal: AbortSignal): Promise<ApiResponse>;
  /** Takes no request any more and ends with its last exchange. */
  retire(): void;
  /** Looks whether the peer is still there, and ends if not. */
  probe(): void;
  destroy(): void;
}

/** The peer did not begin with the request: it may be sent again, whatever it is. */
export class NotBegunError extends Error {
  override readonly name = "NotBegunError";
}
