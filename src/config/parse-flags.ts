import type { Problem } from "../base/fault.ts";
import { bool } from "./codecs-scalar.ts";
import type { Json } from "./json.ts";
import { hint } from "./suggest.ts";
import { FLAGS_BY_NAME, type FlagTarget } from "./table.ts";
import { versionProblem } from "./version.ts";

/** What a command line says, by flag name. Values are canonical JSON. */
export interface ParsedFlags {
  readonly values: ReadonlyMap<string, { readonly target: FlagTarget; readonly value: Json }>;
  readonly help: boolean;
  /** `false`, `true`, `raw`, or the version to report. */
  readonly version: string;
  readonly problems: readonly Problem[];
}

const SHORTHANDS: ReadonlyMap<string, string> = new Map([
  ["h", "help"],
  ...[...FLAGS_BY_NAME].flatMap(([name, { option }]): [string, string][] =>
    option.short === undefined ? [] : [[option.short, name]],
  ),
]);
/** Flags that older kubelets had, and what to do instead. */
const GONE: readonly (readonly [RegExp, string])[] = [
  [/^pod-infra-container-image$/, "set the pause image in the container runtime"],
  [/^(container-runtime|network-plugin|cni-.*|docker.*)$/, "name a CRI socket by --container-runtime-endpoint"],
  [
    /^(log-dir|log-file.*|logtostderr|alsologtostderr|stderrthreshold|log-backtrace-at|skip-.*headers|one-output|add-dir-header)$/,
    "redirect stderr",
  ],
  [/^register-schedulable$/, "use --register-with-taints"],
  [/^(cloud-config|keep-terminated-pod-volumes|iptables-(masquerade|drop)-bit)$/, "remove it"],
];

/** Options of the kubelet as upstream's flag library (pflag) reads them. Never throws: everything wrong is in `problems`. */
export function parseFlags(argv: readonly string[]): ParsedFlags {
  const values = new Map<string, { target: FlagTarget; value: Json }>();
  const problems: Problem[] = [];
  let help = false;
  let version = "false";
  const wrong = (field: string, message: string) => problems.push({ field, message });

  const set = (name: string, value: string) => {
    if (name === "help") {
      const read = bool.flag(value, undefined);
      if ("problem" in read) wrong("--help", read.problem);
      else help = read.value === true;
      return;
    }
    if (name === "version") {
      const problem = value.startsWith("v") ? versionProblem(value) : versionSwitchProblem(value);
      if (problem !== undefined) wrong("--version", problem);
      else version = value === "raw" || value.startsWith("v") ? value : String(bool.typed(flagJson(value)));
      return;
    }
    const target = FLAGS_BY_NAME.get(name);
    if (!target) return;
    const read = target.option.codec.flag(value, values.get(name)?.value);
    if ("problem" in read) wrong(`--${name}`, read.problem);
    else values.set(name, { target, value: read.value });
  };

  const bareOf = (name: string) =>
    name === "help" || name === "version" ? "true" : FLAGS_BY_NAME.get(name)?.option.codec.bare;
  const isKnown = (name: string) => name === "help" || name === "version" || FLAGS_BY_NAME.has(name);

  for (let at = 0; at < argv.length; at++) {
    const argument = argv[at] ?? "";
    const next = argv[at + 1];
    /** The value of a flag that stands without `=`, moving on when it is the next argument. */
    const follow = (name: string): string | undefined => {
      const bare = bareOf(name);
      if (bare !== undefined) return bare;
      if (next === undefined) wrong(`--${name}`, "needs a value");
      else at++;
      return next;
    };

    if (argument === "--") {
      for (const rest of argv.slice(at + 1)) wrong(rest, POSITIONAL);
      break;
    }
    if (!argument.startsWith("-") || argument === "-") {
      wrong(argument, POSITIONAL);
      continue;
    }
    if (!argument.startsWith("--")) {
      const [letters = "", given] = splitAtEqual(argument.slice(1));
      shorthands(letters, given, { set, follow, wrong, bareOf });
      continue;
    }
    const [written = "", given] = splitAtEqual(argument.slice(2));
    const name = written.replaceAll("_", "-");
    if (!isKnown(name)) {
      wrong(`--${written}`, unknownFlag(name));
      if (given === undefined && next !== undefined && !next.startsWith("-")) at++;
      continue;
    }
    const value = given ?? follow(name);
    if (value !== undefined) set(name, value);
  }
  return { values, help, version, problems };
}

const POSITIONAL =
  "is no flag and no command; flags begin with --, and a switch takes its value after = (--flag=false)";

interface Setter {
  set(name: string, value: string): void;
  follow(name: string): string | undefined;
  wrong(field: string, message: string): void;
  bareOf(name: string): string | undefined;
}

/** `-v4`, `-v=4`, `-v 4`, `-h`, `-hv4`: letters up to the first that takes a value; the rest is that value. */
function shorthands(letters: string, given: string | undefined, { set, follow, wrong, bareOf }: Setter): void {
  for (let at = 0; at < letters.length; at++) {
    const letter = letters.charAt(at);
    const name = SHORTHANDS.get(letter);
    if (name === undefined) {
      wrong(
        `-${letters}`,
        `has no flag -${letter}${letters.length > 1 ? `; did you mean --${letters}?` : "; see --help"}`,
      );
      return;
    }
    const rest = letters.slice(at + 1);
    const bare = bareOf(name);
    if (bare === undefined) {
      const value = rest === "" ? (given ?? follow(name)) : given === undefined ? rest : `${rest}=${given}`;
      if (value !== undefined) set(name, value);
      return;
    }
    set(name, rest === "" ? (given ?? bare) : bare);
  }
}

function splitAtEqual(text: string): [string, string | undefined] {
  const at = text.indexOf("=");
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function unknownFlag(name: string): string {
  const gone = GONE.find(([pattern]) => pattern.test(name));
  if (gone) return `is no flag of this version any more: ${gone[1]}`;
  return `is no known flag${hint(name, FLAGS_BY_NAME.keys(), "--") || "; see --help"}`;
}

function flagJson(value: string): Json {
  const read = bool.flag(value, undefined);
  return "problem" in read ? false : read.value;
}

function versionSwitchProblem(value: string): string | undefined {
  if (value === "raw") return undefined;
  const read = bool.flag(value, undefined);
  return "problem" in read ? `must be true, false, raw or a version, got "${value}"` : undefined;
}
