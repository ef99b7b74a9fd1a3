/** The content of the last `lines` lines of a CRI log file's end, without time stamps: what the container wrote. */
export function textOfLog(file: Uint8Array, lines: number): string {
  const rows = new TextDecoder()
    .decode(file)
    .split("\n")
    .slice(-lines - 1);
  return rows
    .map((row) => /^\S+ (?:stdout|stderr) (\S+) (.*)$/s.exec(row))
    .map((match) => (match ? `${match[2] ?? ""}${match[1]?.startsWith("P") ? "" : "\n"}` : ""))
    .join("");
}
