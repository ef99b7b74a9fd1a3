import { unreachable } from "../base/fault.ts";
import { type Json, valueAt } from "./json.ts";
import type { KubeletConfig, Origin } from "./kubelet-config.ts";
import type { Option } from "./option.ts";
import { FIELDS, FLAG_OPTIONS } from "./table.ts";
import { maskValues } from "./versioned.ts";

/** One line of `kubelet config view --effective`. */
export interface EffectiveRow {
  /** Field path, or `--flag`. */
  readonly option: string;
  /** null: no value. Secrets are masked. */
  readonly value: Json;
  readonly origin: string;
  readonly effect: "yes" | "not-yet";
}

/** Every option with its value and where that came from, in the table's order. */
export function effectiveRows(config: KubeletConfig): readonly EffectiveRow[] {
  const row = (key: string, option: Option<unknown>, value: Json | undefined): EffectiveRow => ({
    option: key,
    value: value === undefined ? null : option.secret ? maskValues(value) : value,
    origin: showOrigin(config.origins.get(key)),
    effect: option.effect,
  });
  return [
    ...Object.entries(FLAG_OPTIONS).map(([key, option]) => row(`--${option.flag}`, option, config.flagFields[key])),
    ...Object.entries(FIELDS).map(([path, option]) => row(path, option, valueAt(config.fields, path))),
  ];
}

/** `kubelet config view --effective`. */
export const renderEffective = (config: KubeletConfig, format: "table" | "json" | "yaml"): Promise<string> =>
  renderRows(effectiveRows(config), format);

/** The same of rows that came from elsewhere. The YAML writer is loaded only when it is asked for. */
export async function renderRows(rows: readonly EffectiveRow[], format: "table" | "json" | "yaml"): Promise<string> {
  switch (format) {
    case "json":
      return `${JSON.stringify(rows, undefined, 2)}\n`;
    case "yaml":
      return (await import("yaml")).stringify(rows);
    case "table":
      return renderTable(rows);
    default:
      return unreachable(format);
  }
}

function renderTable(rows: readonly EffectiveRow[]): string {
  const cells = rows.map(({ option, value, origin, effect }) => [
    option,
    showValue(value),
    effect === "yes" ? "yes" : "not yet",
    origin,
  ]);
  const table = [["OPTION", "VALUE", "EFFECT", "ORIGIN"], ...cells];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((line) => (line[column] ?? "").length)));
  return table
    .map(
      (line) =>
        `${line
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

function showValue(value: Json): string {
  if (value === null) return "-";
  if (value === "") return '""';
  return typeof value === "string" ? value : JSON.stringify(value);
}

function showOrigin(origin: Origin | undefined): string {
  if (!origin || (origin.kind === "default" && origin.where === "")) return "default";
  return origin.kind === "standalone-difference" ? `standalone (${origin.where})` : `${origin.kind} ${origin.where}`;
}
