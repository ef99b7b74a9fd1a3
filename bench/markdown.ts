/** The README's sections of numbers, made from a run. */
import { readFileSync, writeFileSync } from "node:fs";
import { factsLine, type MachineFacts } from "./machine-facts.ts";
import type { Measured, Who } from "./result.ts";
import { median, p99, shown } from "./stats.ts";

/** The README has one for a standalone node and one for a node of a cluster. */
export type Section = "bench" | "bench-cluster";

const NAMES: Readonly<Record<Who, string>> = {
  ours: "kubelet-ts",
  bare: "bare client",
  go: "Go kubelet v1.37.2",
};

export function markdown(results: readonly Measured[], facts: MachineFacts, runtime: string, command: string): string {
  const columns = (["ours", "bare", "go"] as const).filter((who) => results.some(({ samples }) => samples[who]));
  const rows = results.map((result) => {
    const cells = columns.map((who) => cell(result, who));
    const bars = result.bars.map(
      ({ text, met }) => `${text}: ${met === undefined ? "not compared" : met ? "met" : "**missed**"}`,
    );
    return `| ${result.what} (${result.unit}) | ${cells.join(" | ")} | ${bars.join("; ")} |`;
  });
  return [
    `Median / p99 (and ours in relation to the Go kubelet's), by \`${command}\` on ${facts.date.slice(0, 10)} (commit ${facts.commit}; ${factsLine(facts, runtime)}; what is measured: [docs/bench.md](docs/bench.md)):`,
    "",
    `| what | ${columns.map((who) => NAMES[who]).join(" | ")} | bar |`,
    `| --- |${" --- |".repeat(columns.length)} --- |`,
    ...rows,
  ].join("\n");
}

/** Median and p99, and at the Go kubelet's the ratio of our median to its. */
function cell({ samples }: Measured, who: Who): string {
  const own = samples[who];
  if (!own || own.length === 0) return "";
  const middle = median(own);
  const ratio = who === "go" && samples.ours && middle > 0 ? ` (${(median(samples.ours) / middle).toFixed(2)} ×)` : "";
  return `${own.length > 1 ? `${shown(middle)} / ${shown(p99(own))}` : shown(middle)}${ratio}`;
}

/** @throws Error where the file has no such section */
export function writeSection(file: string, section: Section, text: string): void {
  const before = readFileSync(file, "utf8");
  const [begin, end] = [`<!-- ${section}:begin -->`, `<!-- ${section}:end -->`];
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${file} has no section between ${begin} and ${end}`);
  writeFileSync(file, `${before.slice(0, from + begin.length)}\n${text}\n${before.slice(to)}`);
}
