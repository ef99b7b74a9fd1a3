/**
 * Writes docs/options.md from the option table: `node scripts/generate-options-doc.ts`. A test compares the file with what this writes.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Option } from "../src/config/option.ts";
import { GROUPS } from "../src/config/table.ts";

export const OPTIONS_DOC = join(import.meta.dirname, "..", "docs", "options.md");

const INTRODUCTION = `# Options

Generated from the option table (\`src/config/options/\`) by \`node scripts/generate-options-doc.ts\`. Do not edit.

Every flag and every field of \`KubeletConfiguration\` (\`kubelet.config.k8s.io/v1beta1\`) of Kubernetes v1.37, with upstream's names and
defaults. What differs stands in [differences.md](differences.md). Options marked "no" under _effect_ are read and checked, and named in one
warning at start when they are set; this release does not act on them. \`kubelet config view --effective\` shows the values of a run.
`;

export function renderOptionsDoc(): string {
  return INTRODUCTION + GROUPS.map(({ title, options }, index) => renderGroup(title, options, index === 0)).join("");
}

function renderGroup(title: string, options: { readonly [key: string]: Option<unknown> }, flagsOnly: boolean): string {
  const rows = Object.entries(options).map(([path, option]) => renderRow(flagsOnly ? "" : path, option));
  return `\n## ${title}\n\n| field | flag | type | default | rule | effect | what it does |\n|---|---|---|---|---|---|---|\n${rows.join("")}`;
}

function renderRow(path: string, option: Option<unknown>): string {
  const flag =
    option.flag === undefined
      ? ""
      : `\`--${option.flag}\`${option.short === undefined ? "" : `, \`-${option.short}\``}`;
  const fallback = option.fallback === undefined ? "" : `\`${JSON.stringify(option.fallback)}\``;
  const unit = option.unit === undefined ? "" : ` (${option.unit})`;
  const cells = [
    path && `\`${path}\``,
    flag,
    option.codec.type,
    fallback,
    option.rule ?? "",
    option.effect === "yes" ? "yes" : "no",
    `${option.help}${unit}`,
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("*", "\\*")).join(" | ")} |\n`;
}

if (import.meta.main) writeFileSync(OPTIONS_DOC, renderOptionsDoc());
