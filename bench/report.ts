/** The table that a person reads. */
import { green, red } from "../scripts/lib/progress.ts";
import type { Bar, Measured, Who } from "./result.ts";
import { median, p99, shown } from "./stats.ts";

const NAMES: Readonly<Record<Who, string>> = { ours: "kubelet-ts", bare: "bare client", go: "Go kubelet" };

/** Lines with medians and 99th percentiles, ratios to kubelet-ts, and the bars. */
export function table(results: readonly Measured[]): string {
  const who = (["ours", "bare", "go"] as const).filter((one) => results.some(({ samples }) => samples[one]));
  const head = ["what", "unit", "n", ...who.flatMap((one) => [NAMES[one], "p99"]), "bar"];
  const rows = results.map((result) => [
    result.what,
    result.unit,
    `${result.samples.ours?.length ?? 0}`,
    ...who.flatMap((one) => cells(result, one)),
    result.bars.map(barText).join("; "),
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        if (column === row.length - 1) return paint(cell);
        return column < 2 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ");
  return [
    line(head),
    line(widths.map((width, column) => "-".repeat(Math.min(width, column === head.length - 1 ? 3 : width)))),
    ...rows.map(line),
  ].join("\n");
}

/** Median with the ratio of ours to it, and p99. */
function cells({ samples }: Measured, who: Who): readonly string[] {
  const own = samples[who];
  if (!own || own.length === 0) return ["", ""];
  const middle = median(own);
  const ratio =
    who === "ours" || !samples.ours || middle === 0 ? "" : ` (${(median(samples.ours) / middle).toFixed(2)} ×)`;
  return [`${shown(middle)}${ratio}`, own.length > 1 ? shown(p99(own)) : ""];
}

const barText = ({ text, met }: Bar): string =>
  `${text} ${met === undefined ? "not compared" : met ? "met" : "NOT MET"}`;

/** Last column only: escape codes have no width but count as characters. */
const paint = (text: string): string => text.replaceAll(/NOT MET/g, red).replaceAll(/(?<!NOT )\bmet\b/g, green);
