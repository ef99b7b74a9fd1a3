/** Values that may stand in a log line. Objects are written as JSON; never pass a secret. */
export type LogFields = { readonly [key: string]: unknown };

/**
 * Structured log in klog's levels: `error` needs an operator, `warn` may soon, `info` is rare, `debug(n)` is shown with `-v=n` or more.
 * Messages start with a capital, name what happened, have no period. Values go to `fields`, in klog's names (pod, containerName, err).
 */
export interface Log {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(level: number, message: string, fields?: LogFields): void;
  /** A log whose lines all carry `fields`. */
  with(fields: LogFields): Log;
}

/** Drops everything: for tests that do not look at the log. */
export const silentLog: Log = {
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: () => {},
  with: () => silentLog,
};
