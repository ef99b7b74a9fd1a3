import { readFileSync } from "node:fs";

/** Mount points below a folder (or at it), last mounted first: the order to unmount them in. */
export function mountsBelow(
  folder: string,
  table: string = readFileSync("/proc/self/mountinfo", "utf8"),
): readonly string[] {
  return table
    .split("\n")
    .map((line) => line.split(" ")[4])
    .filter((target) => target !== undefined)
    .map(plainPath)
    .filter((target) => target === folder || target.startsWith(`${folder}/`))
    .reverse();
}

/** proc(5) writes space, tab, newline and backslash as three octal digits. */
const plainPath = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
