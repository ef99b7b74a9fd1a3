/** Shell completions, made from the tables that the program itself goes by. */
import type { VerbUsage } from "../../../src/cli/index.ts";
import { FLAGS_BY_NAME } from "../../../src/config/table.ts";

/** Every word that begins with a hyphen in a verb's usage. */
const wordsOf = ({ usage }: VerbUsage): string[] => [...new Set(usage.match(/(?<![\w-])--?[a-z][\w-]*/g) ?? [])];

/** `pods` of `get pods`: what may follow the verb. */
const objectsOf = ({ usage }: VerbUsage): string[] => /^\S+ ([a-z]+)\b/.exec(usage)?.slice(1, 2) ?? [];

/** Verbs that take the name of a pod. */
const takesPod = ({ usage }: VerbUsage): boolean => /\b(?:NAME|POD)\b/.test(usage);

/** The formats that `-o` takes, as the usage lists them. */
const formatsOf = ({ usage }: VerbUsage): string[] => /-o ([a-z|]+)/.exec(usage)?.[1]?.split("|") ?? [];

function flags(): string[] {
  const named = [...FLAGS_BY_NAME].map(
    ([name, { option }]) => `--${name}${option.codec.bare === undefined ? "=" : ""}`,
  );
  return [...named, "--help", "--version"].sort();
}

const nameOf = ({ usage }: VerbUsage): string => usage.split(" ")[0] ?? "";

/** `/usr/share/bash-completion/completions/kubelet` */
export function bashCompletion(verbs: readonly VerbUsage[]): string {
  const cases = verbs.map((verb) => {
    const words = [...objectsOf(verb), ...wordsOf(verb), ...(takesPod(verb) ? ["$(_kubelet_pods)"] : [])];
    return `    ${nameOf(verb)}) words="${words.join(" ")}"; formats="${formatsOf(verb).join(" ")}" ;;`;
  });
  return `# bash completion for kubelet, made by kubelet-ts from its tables

_kubelet_pods() {
  kubelet get pods 2>/dev/null | {
    read -r _
    while read -r _ name _; do echo "$name"; done
  }
}

_kubelet() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} words="" formats=""
  local verbs="${verbs.map(nameOf).join(" ")}"
  local flags="${flags().join(" ")}"
  COMPREPLY=()
  case \${COMP_WORDS[1]} in
${cases.join("\n")}
    *)
      case $word in
        -*) mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$word") ;;
        *) [ "$COMP_CWORD" -gt 1 ] || mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$word") ;;
      esac
      # A flag that takes a value ends with =, and the value follows at once.
      case \${COMPREPLY[0]-} in *=) compopt -o nospace 2>/dev/null ;; esac
      return
      ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then words=$verbs formats=""; fi
  case $before in -o | --output) words=$formats ;; esac
  if [ "\${COMP_WORDS[1]}" = config ]; then words="$words $flags"; fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -o default -F _kubelet kubelet
`;
}

/** `/usr/share/zsh/vendor-completions/_kubelet` */
export function zshCompletion(verbs: readonly VerbUsage[]): string {
  const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const option = ([name, { option: row }]: [string, { option: { help: string; codec: { bare?: string } } }]) => {
    const help = row.help.replace(/[[\]:\\]/g, "\\$&");
    return `    ${quote(`--${name}${row.codec.bare === undefined ? "=" : ""}[${help}]${row.codec.bare === undefined ? ":value:_files" : ""}`)}`;
  };
  return `#compdef kubelet
# zsh completion for kubelet, made by kubelet-ts from its tables

_kubelet() {
  local -a verbs options
  verbs=(
${verbs.map((verb) => `    ${quote(`${nameOf(verb)}:${verb.help}`)}`).join("\n")}
  )
  options=(
${[...FLAGS_BY_NAME].map(option).join("\n")}
  )
  case \${words[2]} in
${verbs.map((verb) => `    ${nameOf(verb)}) _values -w ${quote(`kubelet ${nameOf(verb)}`)} ${[...objectsOf(verb), ...wordsOf(verb)].map(quote).join(" ") || quote("-h")} ;;`).join("\n")}
    -*) _arguments $options ;;
    *) _describe verb verbs; _arguments $options ;;
  esac
}

_kubelet "$@"
`;
}
