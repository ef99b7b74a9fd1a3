import { nearest } from "../model/nearest.ts";

/** `; did you mean "x"?`, or nothing. */
export function hint(wrong: string, names: Iterable<string>, prefix = ""): string {
  const name = nearest(wrong, names);
  return name === undefined ? "" : `; did you mean ${prefix}${name}?`;
}
