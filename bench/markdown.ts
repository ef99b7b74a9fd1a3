/** The README's section of numbers, made from a run. */
import { readFileSync, writeFileSync } from "node:fs";
import { factsLine, type MachineFacts } from "./machine-facts.ts";
import type { Measured, Who } from "./result.ts";
import { median, p99, shown } from "./stats.ts";

const BEGIN = "<!-- bench:begin -->";
const END = "<!-- bench:end -->";

export function markdown(results: readonly Measured[], facts: MachineFacts, runtime: string, command: string): string {
  const rows = results.map((result) => {
    const cells = (["ours", "bare", "go"] as const).map((who) => cell(result, who));
    const bars = result.bars.map(
      ({ text, met }) => `${text}: ${met === undefined ? "not compared" : met ? "met" : "**missed**"}`,
    );
    return `| ${result.what} (${result.unit}) | ${cells.join(" | ")} | ${bars.join("; ")} |`;
  });
  return [
    `Median / p99, by \`${command}\` on ${facts.date.slice(0, 10)} (commit ${facts.commit}; ${factsLine(facts, runtime)}; what is measured: [docs/bench.md](docs/bench.md)):`,
    "",
    "| what | kubelet-ts | bare client | Go kubelet v1.37.2 | bar |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

function cell({ samples }: Measured, who: Who): string {
  const own = samples[who];
  if (!own || own.length === 0) return "";
  return own.length > 1 ? `${shown(median(own))} / ${shown(p99(own))}` : shown(median(own));
}

/** @throws Error where the file has no such section */
export function writeSection(file: string, text: string): void {
  const before = readFileSync(file, "utf8");
  const [begin, end] = [before.indexOf(BEGIN), before.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${file} has no section between ${BEGIN} and ${END}`);
  writeFileSync(file, `${before.slice(0, begin + BEGIN.length)}\n${text}\n${before.slice(end)}`);
}
