import { isFault, messageOf } from "../base/fault.ts";
import { hint } from "../config/index.ts";
import { VerbError, type VerbIo } from "./io.ts";

type Verb = (argv: readonly string[], io: VerbIo, signal: AbortSignal) => Promise<number>;

/** A verb for people: how it is written, and what it is for. */
export interface VerbUsage {
  readonly usage: string;
  readonly help: string;
}

interface VerbRow extends VerbUsage {
  /** Loads the code of the verb. */
  readonly load: () => Promise<Verb>;
}

const VERBS: { readonly [name: string]: VerbRow } = {
  get: {
    usage: "get pods [NAME] [-n NAMESPACE] [-o wide|json|yaml]",
    help: "the pods of this node",
    load: async () => (await import("./get.ts")).getVerb,
  },
  describe: {
    usage: "describe pod NAME [-n NAMESPACE] [-o json|yaml]",
    help: "all about one pod: state, conditions, containers, events, and what it waits for",
    load: async () => (await import("./describe.ts")).describeVerb,
  },
  logs: {
    usage: "logs [-f] [-p] [--tail N] [--since 5m] [--timestamps] POD [-c CONTAINER]",
    help: "what a container wrote",
    load: async () => (await import("./logs.ts")).logsVerb,
  },
  events: {
    usage: "events [POD] [-n NAMESPACE] [-o json|yaml]",
    help: "what happened of late on this node, or to one pod",
    load: async () => (await import("./events.ts")).eventsVerb,
  },
  config: {
    usage: "config view [--effective] [-o table|json|yaml] [flags of the kubelet]",
    help: "the configuration, and where each value came from",
    load: async () => (await import("./config-view.ts")).configVerb,
  },
  doctor: {
    usage: "doctor [-o text|json|yaml] [flags of the kubelet]",
    help: "is this machine fit for a kubelet, and what to do where it is not",
    load: async () => (await import("./doctor.ts")).doctorVerb,
  },
  install: {
    usage: "install [--standalone|--kubeadm] [--bin-dir DIR] [--sha256 SUM|FILE] [--no-start] [--dry-run] [-- FLAGS]",
    help: "make this file a service of systemd: all of it, or nothing",
    load: async () => (await import("./install.ts")).installVerb,
  },
  uninstall: {
    usage: "uninstall [--purge]",
    help: "undo what install did; pods keep running, unless --purge ends them and removes all data",
    load: async () => (await import("./uninstall.ts")).uninstallVerb,
  },
  help: { usage: "help", help: "this list", load: async () => helpVerb },
};

/** Every verb, for the man page and the shells' completion. */
export const verbUsages = (): readonly VerbUsage[] => Object.values(VERBS);

/** Verbs that read their command line themselves, as it holds flags of the kubelet. */
const TAKES_FLAGS: readonly string[] = ["config"];

/** Does this command line ask for a verb rather than start a kubelet? */
export const isVerb = (argv: readonly string[]): boolean => argv[0] !== undefined && !argv[0].startsWith("-");

/** Runs `argv` (without the program's name). Returns the exit code: 0, or 1 after a message on standard error. */
export async function runVerb(argv: readonly string[], io: VerbIo, signal: AbortSignal): Promise<number> {
  const [name = "help", ...rest] = argv;
  const row = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
  if (row === undefined) {
    io.complain(`Unknown verb "${name}"${hint(name, Object.keys(VERBS))}\n\n${verbList()}`);
    return 1;
  }
  const end = rest.indexOf("--");
  if (
    !TAKES_FLAGS.includes(name) &&
    (end < 0 ? rest : rest.slice(0, end)).some((arg) => arg === "-h" || arg === "--help")
  ) {
    await io.write(`kubelet ${row.usage}\n  ${row.help}\n`);
    return 0;
  }
  try {
    return await (await row.load())(rest, io, signal);
  } catch (error) {
    if (signal.aborted) return 130;
    // Whoever read us has seen enough (`| head`).
    if (error instanceof Error && "code" in error && error.code === "EPIPE") return 0;
    if (!(error instanceof VerbError) && !isFault(error, "config-invalid") && !isFault(error, "file-failed"))
      throw error;
    io.complain(messageOf(error));
    return 1;
  }
}

const helpVerb: Verb = async (_argv, io) => {
  await io.write(verbList());
  return 0;
};

function verbList(): string {
  const rows = Object.values(VERBS).map(({ usage, help }) => `  kubelet ${usage}\n        ${help}\n`);
  return `Verbs, for people on the node:\n${rows.join("")}
Verbs that show pods talk to the kubelet whose root directory is --root-dir, else KUBELET_ROOT, else /var/lib/kubelet.
\`kubelet --help\` shows the flags that start a kubelet.
`;
}
