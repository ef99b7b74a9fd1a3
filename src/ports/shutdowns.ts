import type { Millis } from "../base/units.ts";

/** What the system says of its own end. Errors are KubeletError `file-failed`. */
export interface Shutdowns {
  /** Begins to listen. @throws KubeletError, or `signal.reason` */
  watch(signal: AbortSignal): Promise<ShutdownWatch>;
}

/** One connection to whoever shuts the system down. Disposing ends the listening; a hold goes on until it is disposed itself. */
export interface ShutdownWatch extends Disposable {
  /** For how long the system waits at most for those that hold it. */
  longestHold(signal: AbortSignal): Promise<Millis>;
  /** Has the system wait longer. What `longestHold` says may change only a moment later. */
  allowHold(span: Millis, signal: AbortSignal): Promise<void>;
  /** Holds each shutdown up, from its notice until this is disposed. */
  hold(signal: AbortSignal): Promise<Disposable>;
  /** true: the system shuts down; false: it was called off, or there is none. The first tells how it is now. Ends when the connection is lost. */
  notices(signal: AbortSignal): AsyncIterable<boolean>;
}
