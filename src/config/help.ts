import type { Json } from "./json.ts";
import type { Option } from "./option.ts";
import { GROUPS } from "./table.ts";

const WIDTH = 100;
const INDENT = " ".repeat(10);

const INTRODUCTION = `The kubelet runs pods on this machine: it starts their containers, keeps them as they should be,
and reports on them. It takes pods from a folder or a URL, without or with a Kubernetes cluster.

Usage:
  kubelet [flags]
  kubelet get pods | describe pod NAME | logs [-f] POD [CONTAINER]
          Look at the pods of this node
  kubelet config view --effective [flags]
          Show every option and where its value comes from
  kubelet doctor [flags] | install | uninstall
          Is this machine fit; run as a service of systemd; undo that

Most flags have a field in the file that --config names; the file is the better place for them.
`;

/** What `--help` prints: every flag by group. */
export function renderHelp(): string {
  const groups = GROUPS.map(({ title, options }) => {
    const flags = Object.entries(options).flatMap(([path, option]) =>
      option.flag === undefined ? [] : [describe(path, option)],
    );
    return flags.length === 0 ? "" : `\n${title}:\n${flags.join("")}`;
  });
  const general = `\nGeneral:\n  -h, --help\n${wrap("Print this text")}      --version version\n${wrap("Print the version (raw: its parts), or report another (vX)")}`;
  return `${INTRODUCTION}${general}${groups.join("")}`;
}

function describe(path: string, option: Option<unknown>): string {
  const short = option.short === undefined ? "      " : `  -${option.short}, `;
  const type = option.codec.type === "bool" ? "" : ` ${option.codec.type}`;
  const unit = option.unit === undefined ? "" : ` (${option.unit})`;
  const facts = [
    ...(isField(path, option) ? [`field ${path}`] : []),
    ...(showDefault(option.fallback) === "" ? [] : [`default ${showDefault(option.fallback)}`]),
    ...(option.effect === "not-yet" ? ["no effect in this release"] : []),
  ];
  const note = facts.length === 0 ? "" : ` [${facts.join(", ")}]`;
  return `${short}--${option.flag}${type}\n${wrap(`${option.help}${unit}${note}`)}`;
}

/** Options of the flags-only group carry keys that are no field. */
const isField = (path: string, option: Option<unknown>): boolean => GROUPS[0]?.options[path] !== option;

export function showDefault(value: Json | undefined): string {
  if (value === undefined || value === "" || value === false) return "";
  if (Array.isArray(value)) return value.join(",");
  return typeof value === "object" && value !== null
    ? Object.entries(value)
        .map(([key, item]) => `${key}=${item}`)
        .join(",")
    : String(value);
}

function wrap(text: string): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line !== "" && INDENT.length + line.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.map((line) => `${INDENT}${line}\n`).join("");
}
