/** The man page, made from the tables that the program itself goes by. roff: groff_man(7). */
import type { VerbUsage } from "../../../src/cli/index.ts";
import { showDefault } from "../../../src/config/help.ts";
import type { Option } from "../../../src/config/option.ts";
import { GROUPS } from "../../../src/config/table.ts";
import { KUBERNETES_VERSION } from "../../../src/config/version.ts";
import { SERVICE_PATHS } from "../../../src/service/index.ts";

export interface ManOptions {
  readonly version: string;
  readonly date: Date;
  readonly verbs: readonly VerbUsage[];
}

/** `kubelet.8` */
export function manPage({ version, date, verbs }: ManOptions): string {
  const day = date.toISOString().slice(0, 10);
  return [
    `.TH KUBELET 8 ${quoted(day)} ${quoted(`kubelet-ts ${version}`)} "Kubernetes ${KUBERNETES_VERSION}"`,
    ...section("NAME", String.raw`kubelet \- run pods on this machine`),
    ...section(
      "SYNOPSIS",
      ".B kubelet",
      String.raw`[\fIflags\fR]`,
      ".br",
      ".B kubelet",
      String.raw`\fIverb\fR [\fIarguments\fR]`,
    ),
    ...section(
      "DESCRIPTION",
      text(
        "The kubelet runs pods on this machine: it starts their containers through a container runtime, keeps them as they should be, and reports on them. It takes pods from a folder, a URL or a Kubernetes API server. Without a verb it runs until it gets SIGTERM; containers go on when it ends, and the next kubelet takes them over.",
      ),
      ".PP",
      text(
        "Most flags have a field in the file that --config names, which is the better place for them. `kubelet config view --effective` shows each option with its value and where it comes from.",
      ),
    ),
    ...section(
      "VERBS",
      text(
        "For people on the node. Those that show pods talk to the kubelet whose root directory is --root-dir, else KUBELET_ROOT, else /var/lib/kubelet.",
      ),
      ...verbs.flatMap(({ usage, help }) => [".TP", `.B ${text(`kubelet ${usage}`)}`, text(capital(help))]),
    ),
    ".SH OPTIONS",
    ...["-h, --help", "--version[=raw|vX.Y.Z]"].flatMap((flag, index) => [
      ".TP",
      `.B ${text(flag)}`,
      index === 0 ? "Print all flags." : "Print the version, its parts, or report another.",
    ]),
    ...GROUPS.flatMap(({ title, options }, group) => {
      const rows = Object.entries(options).flatMap(([path, option]) => flagOf(group === 0 ? undefined : path, option));
      return rows.length === 0 ? [] : [`.SS ${quoted(title)}`, ...rows];
    }),
    ...section("FILES", ...entries(FILES)),
    ...section("ENVIRONMENT", ...entries(ENVIRONMENT)),
    ...section(
      "EXIT STATUS",
      text(
        "0 after --help, --version, a verb that did its work, or a first SIGTERM or SIGINT. 1 when the kubelet can't run, or a verb failed; the reason is on standard error.",
      ),
    ),
    ...section(
      "SEE ALSO",
      ".BR systemctl (1),",
      ".BR journalctl (1),",
      ".BR kubeadm (1),",
      ".BR kubectl (1),",
      ".BR containerd (8)",
    ),
    "",
  ].join("\n");
}

const FILES: readonly (readonly [string, string])[] = [
  ["/var/lib/kubelet", "State of this node, unless --root-dir names another directory."],
  [SERVICE_PATHS.extraArgs, "KUBELET_EXTRA_ARGS: flags of the service; the last ones on its command line."],
  [SERVICE_PATHS.kubeadmConfig, "The configuration that kubeadm writes; read by kubelet.service."],
  [SERVICE_PATHS.kubeadmArgs, "Flags that kubeadm writes; read by kubelet.service."],
  [SERVICE_PATHS.kubeconfig, "How to reach the API server, in a cluster made by kubeadm."],
  [SERVICE_PATHS.standaloneConfig, "The configuration of kubelet-standalone.service, which needs no cluster."],
  [SERVICE_PATHS.standalonePods, "Pods of kubelet-standalone.service, one manifest a file."],
];

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ["KUBELET_ROOT", "Root directory of the kubelet that verbs talk to."],
  [
    "TMPDIR",
    "Where the native library is put while it is loaded, when /dev/shm does not take it. Must not be mounted noexec.",
  ],
];

function flagOf(path: string | undefined, option: Option<unknown>): string[] {
  if (option.flag === undefined) return [];
  const value = option.codec.type === "bool" ? "" : ` ${option.codec.type}`;
  const fallback = showDefault(option.fallback);
  const facts = [
    ...(path === undefined ? [] : [`Field ${path}.`]),
    ...(fallback === "" ? [] : [`Default: ${fallback}.`]),
    ...(option.rule === undefined ? [] : [`${capital(option.rule)}.`]),
    ...(option.effect === "not-yet" ? ["Without effect in this release."] : []),
  ];
  const unit = option.unit === undefined ? "" : ` (${option.unit})`;
  const name = `${option.short === undefined ? "" : `-${option.short}, `}--${option.flag}`;
  return [".TP", `.B ${text(name + value)}`, text([`${option.help}${unit}.`, ...facts].join(" "))];
}

const section = (title: string, ...lines: readonly string[]): string[] => [`.SH ${quoted(title)}`, ...lines];

const entries = (rows: readonly (readonly [string, string])[]): string[] =>
  rows.flatMap(([name, what]) => [".TP", `.I ${text(name)}`, text(what)]);

const capital = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);

/** Characters that roff would take for its own; a hyphen as typed, so that flags can be copied. */
const text = (words: string): string =>
  words.replaceAll("\\", "\\e").replaceAll("-", "\\-").replace(/^[.']/gm, "\\&$&").replaceAll('"', "\\(dq");

const quoted = (words: string): string => `"${text(words)}"`;
