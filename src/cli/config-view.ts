import { loadConfig, renderEffective, renderRows } from "../config/index.ts";
import { choose } from "./args.ts";
import { VerbError, type VerbIo } from "./io.ts";
import { nodeClient, rootDirOf } from "./node-client.ts";
import { printValue } from "./print.ts";

const USAGE = "it is `kubelet config view [--effective] [-o table|json|yaml] [the kubelet's flags]`";

interface Asked {
  readonly effective: boolean;
  readonly output: string | undefined;
  readonly rootDir: string | undefined;
  /** The kubelet's own flags, --root-dir too. */
  readonly flags: readonly string[];
}

/**
 * `kubelet config view`: without flags of the kubelet's what the running kubelet has, else what a kubelet with these flags would have.
 * `--effective` shows every option with where it came from; without it, the KubeletConfiguration.
 */
export async function configVerb(argv: readonly string[], io: VerbIo, signal: AbortSignal): Promise<number> {
  const [what, ...rest] = argv;
  if (what !== "view") throw new VerbError(`Cannot do that with the configuration: ${USAGE}`);
  const asked = readArgs(rest);
  const output = choose(asked.output, ["table", "json", "yaml"], asked.effective ? "table" : "yaml", "-o");
  if (asked.effective !== true && output === "table")
    throw new VerbError(`Cannot show a table without --effective: ${USAGE}`);
  const running =
    asked.flags.length === 0 || onlyRootDir(asked.flags) ? await ofRunning(asked, output, io, signal) : false;
  return running ? 0 : ofFlags(asked, output, io);
}

async function ofRunning(
  { effective, rootDir }: Asked,
  output: "table" | "json" | "yaml",
  io: VerbIo,
  signal: AbortSignal,
): Promise<boolean> {
  const root = rootDirOf(rootDir, io);
  try {
    const { options, versioned } = await nodeClient(root, io, signal).local("config");
    if (effective) await io.write(await renderRows(options, output));
    else await printValue(versioned, output === "json" ? "json" : "yaml", io);
    return true;
  } catch (error) {
    if (!(error instanceof VerbError)) throw error;
    io.complain(`No kubelet is running at ${root}: this is what one would start with`);
    return false;
  }
}

async function ofFlags({ effective, flags }: Asked, output: "table" | "json" | "yaml", io: VerbIo): Promise<number> {
  const loaded = await loadConfig({ ...io.configDeps(), argv: flags });
  if (loaded.kind !== "run") throw new VerbError(`Cannot view a configuration with --help or --version: ${USAGE}`);
  for (const warning of loaded.config.warnings) io.complain(warning);
  if (effective) await io.write(await renderEffective(loaded.config, output));
  else {
    const { toVersioned } = await import("../config/index.ts");
    await printValue(toVersioned(loaded.config, { masked: true }), output === "json" ? "json" : "yaml", io);
  }
  return 0;
}

const onlyRootDir = (flags: readonly string[]): boolean =>
  (flags.length === 1 && flags[0]?.startsWith("--root-dir=") === true) ||
  (flags.length === 2 && flags[0] === "--root-dir");

/** Takes the verb's own options out; all others are the kubelet's. @throws VerbError */
function readArgs(argv: readonly string[]): Asked {
  const flags: string[] = [];
  let [effective, output, rootDir]: [boolean, string | undefined, string | undefined] = [false, undefined, undefined];
  for (let at = 0; at < argv.length; at++) {
    const arg = argv[at] ?? "";
    const named = /^(-o|--output)(?:=(.*))?$/.exec(arg);
    if (arg === "--effective") effective = true;
    else if (named) output = named[2] ?? argv[++at] ?? "";
    else flags.push(arg);
    if (arg.startsWith("--root-dir=")) rootDir = arg.slice("--root-dir=".length);
    else if (arg === "--root-dir") rootDir = argv[at + 1];
  }
  return { effective, output, rootDir, flags };
}
