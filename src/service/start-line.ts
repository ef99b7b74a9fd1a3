import type { HostSetup } from "../ports/host-setup.ts";
import { SERVICE_PATHS } from "./units.ts";
import { commandLine, type Wish } from "./wish.ts";

/**
 * The whole command line that the unit will run: its own words, and those that kubeadm and the administrator put into files. undefined: kubeadm
 * has not written its files yet.
 */
export async function startLine(
  wish: Wish,
  kubeadmReady: boolean,
  host: Pick<HostSetup, "read">,
): Promise<readonly string[] | undefined> {
  const own = commandLine(wish, kubeadmReady);
  if (own === undefined) return undefined;
  const words = async (path: string, name: string) => wordsOfVariable((await host.read(path)) ?? "", name);
  const { kubeadmArgs, extraArgs } = SERVICE_PATHS;
  return [
    ...own,
    ...(wish.mode === "kubeadm" ? await words(kubeadmArgs, "KUBELET_KUBEADM_ARGS") : []),
    ...(await words(extraArgs, "KUBELET_EXTRA_ARGS")),
  ];
}

/** The kubelet's flags in a unit as `kubelet install` writes it for a node without a cluster, or with flags; undefined for any other unit. */
export function flagsOfUnit(unit: string): readonly string[] | undefined {
  const words = wordsOf(lastAssigned(unit, "ExecStart").replaceAll("\\\n", " "));
  const flags = words.slice(1, -1);
  if (words.at(-1) !== "$KUBELET_EXTRA_ARGS" || flags.some((word) => /^\$(?!\$)/.test(word))) return undefined;
  return flags.map((word) => word.replaceAll("%%", "%").replaceAll("$$", "$"));
}

/** Quoted by ", by ', by \, and plain. */
const PIECE = /"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)|[^"'\\]+/gs;
const WORD = /(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\])+/gs;

/**
 * The words that `$NAME` becomes in `ExecStart=`, where a file of `EnvironmentFile=` sets it, as systemd.exec(5) and systemd.service(5) have it: the
 * last assignment counts, and quotes hold words together.
 */
export const wordsOfVariable = (text: string, name: string): readonly string[] =>
  wordsOf(unquoted(lastAssigned(text, name).trim()));

function lastAssigned(text: string, name: string): string {
  const assignment = new RegExp(
    `^[ \\t]*${name}[ \\t]*=[ \\t]*((?:"(?:[^"\\\\]|\\\\.)*"|'[^']*'|\\\\.|[^\\n"'\\\\])*)`,
    "gms",
  );
  return [...text.matchAll(assignment)].at(-1)?.[1] ?? "";
}

const wordsOf = (text: string): readonly string[] => (text.match(WORD) ?? []).map(unquoted);

function unquoted(text: string): string {
  return text.replace(PIECE, (plain, double?: string, single?: string, escaped?: string) => {
    if (double !== undefined) return double.replace(/\\(["\\$`\n])/g, (_, sign) => (sign === "\n" ? "" : sign));
    return single ?? (escaped === "\n" ? "" : escaped) ?? plain;
  });
}
