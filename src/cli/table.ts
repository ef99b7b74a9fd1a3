/** Columns padded to their widest cell, two spaces between, nothing at line ends. Control characters of cells are shown, not sent. */
export function renderTable(lines: readonly (readonly string[])[]): string {
  const shown = lines.map((line) => line.map(visible));
  const widths: number[] = [];
  for (const line of shown)
    for (const [column, cell] of line.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  const text = (line: readonly string[]) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return shown.map((line) => `${text(line)}\n`).join("");
}

/** Names, messages and labels come from pods: none may move a terminal's cursor. */
export function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (char) =>
    char === "\n" ? " " : `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

/** How long ago, as kubectl says it: 45s, 3m20s, 25m, 5h10m, 3d4h, 20d. `-` for no time. */
export function age(since: string | number | undefined, now: Date): string {
  const at = since === undefined ? Number.NaN : new Date(since).getTime();
  return Number.isNaN(at) ? "-" : spanText((now.getTime() - at) / 1000);
}

function spanText(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  const [m, h, d] = [Math.floor(s / 60), Math.floor(s / 3600), Math.floor(s / 86_400)];
  const two = (big: number, bigUnit: string, small: number, unit: string) =>
    `${big}${bigUnit}${small > 0 ? `${small}${unit}` : ""}`;
  if (s < 120) return `${s}s`;
  if (m < 10) return two(m, "m", s % 60, "s");
  if (m < 180) return `${m}m`;
  if (h < 8) return two(h, "h", m % 60, "m");
  if (h < 48) return `${h}h`;
  if (d < 8) return two(d, "d", h % 24, "h");
  return d < 730 ? `${d}d` : two(Math.floor(d / 365), "y", d % 365, "d");
}
