import { posix } from "node:path";

/** Whether an absolute path that somebody else named lies below `directory`, by its text: what links mean is the reader's to guard against. */
export const isInside = (directory: string, path: string): boolean =>
  posix.normalize(path).startsWith(`${posix.normalize(directory).replace(/\/+$/, "")}/`);
