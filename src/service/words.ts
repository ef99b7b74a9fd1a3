/**
 * One word of a command line in a unit file, as systemd.syntax(7) and systemd.service(5) read it: quoted where it must be, with `%` and `$`
 * doubled, so that the process gets exactly these characters.
 * @throws RangeError for a line break or NUL, which a unit file can't hold
 */
export function unitWord(word: string): string {
  if (/[\n\r\0]/.test(word))
    throw new RangeError(`Cannot write ${JSON.stringify(word)} into a unit: it has a line break`);
  const literal = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  // A lone ; ends a command, and @ - : + ! mean something before the program's path only.
  if (/^[\w%$./:=,@+~*?[\]{}<>()|&#^!-]+$/.test(literal)) return literal;
  return `"${literal.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\t", "\\t")}"`;
}

/** `ExecStart=` with one argument a line, which people can read and change. */
export function execStart(executable: string, words: readonly string[]): string {
  return `ExecStart=${[unitWord(executable), ...words].join(" \\\n  ")}`;
}
