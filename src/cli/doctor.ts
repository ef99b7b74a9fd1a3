import { isFault } from "../base/fault.ts";
import { type Finding, type Level, ok, problem } from "../fitness/index.ts";
import type { HostSetup } from "../ports/host-setup.ts";
import { flagsOfUnit, PLACES, SERVICE_PATHS, startLine, UNIT_PATH, type Wish } from "../service/index.ts";
import { choose } from "./args.ts";
import { VerbError, type VerbIo } from "./io.ts";
import { printValue } from "./print.ts";
import { visible } from "./table.ts";

const ABOUT = "configuration";

/**
 * `kubelet doctor [-o text|json|yaml] [the kubelet's flags]`: is this machine fit for a kubelet with these flags? Without flags, as kubeadm or
 * `kubelet install` has set it up, where one of them did.
 * @returns 0 when nothing is a problem, else 1
 */
export async function doctorVerb(argv: readonly string[], io: VerbIo, signal: AbortSignal): Promise<number> {
  const { output, flags } = readArgs(argv);
  const format = choose(output, ["text", "json", "yaml"], "text", "-o");
  const tools = await io.host();
  const setup = tools.setup("");
  const here = flags.length > 0 ? undefined : await setUpHere(setup);
  const line = here && (await startLine({ ...here, binDir: "", start: false }, true, setup));
  const used = line ?? flags;
  const findings = await examineWith(used, here === undefined ? "" : ` in ${PLACES[here.mode]}`, io, signal);
  const problems = findings.filter(({ level }) => level === "problem").length;
  if (format === "text") await io.write(page(findings));
  else await printValue({ fit: problems === 0, flags: used, findings }, format, io);
  return problems === 0 ? 0 : 1;
}

/** How the service of this machine was set up. Where that can't be read, the person is not root, which is a finding of its own. */
async function setUpHere(setup: HostSetup): Promise<Pick<Wish, "mode" | "flags"> | undefined> {
  const isThere = async (path: string) => (await setup.kind(path)) === "file";
  try {
    const flags = flagsOfUnit((await setup.read(UNIT_PATH)) ?? "");
    if (flags !== undefined) return { mode: "flags", flags };
    if (await isThere(SERVICE_PATHS.kubeadmConfig)) return { mode: "kubeadm", flags: [] };
    return (await isThere(SERVICE_PATHS.standaloneConfig)) ? { mode: "standalone", flags: [] } : undefined;
  } catch (error) {
    if (!isFault(error, "file-failed")) throw error;
    return undefined;
  }
}

/** @param places where the flags and the configuration can be changed */
async function examineWith(
  flags: readonly string[],
  places: string,
  io: VerbIo,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { examine } = await import("../fitness/index.ts");
  const tools = await io.host();
  const shown = flags.join(" ") || "the defaults, as no flags were given";
  try {
    const examiner = await tools.examiner(flags);
    if (examiner === undefined) throw new VerbError("Cannot examine a machine for --help or --version: leave them out");
    return [ok(ABOUT, shown), ...(await examine(examiner, signal))];
  } catch (error) {
    if (!isFault(error, "config-invalid")) throw error;
    const wrong = error.fault.problems.map(({ field, message }) =>
      problem(ABOUT, `${field} ${message}`, `correct it${places}: the kubelet does not start so`),
    );
    // What does not hang on the configuration can be looked at all the same.
    const plain = await tools.examiner(["--fail-cgroupv1=false"]).catch(() => undefined);
    return plain === undefined ? wrong : [...wrong, ...(await examine(plain, signal))];
  }
}

const MARKS: { readonly [level in Level]: string } = { ok: "ok", warning: "warning", problem: "PROBLEM" };

/** Problems last, where a person looks first. */
function page(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ about }) => about.length));
  const order: readonly Level[] = ["ok", "warning", "problem"];
  const lines = order.flatMap((level) =>
    findings
      .filter((finding) => finding.level === level)
      .map(({ about, found, advice }) => {
        const head = `${MARKS[level].padEnd(8)} ${visible(about).padEnd(width)}  ${visible(found)}\n`;
        return advice === undefined ? head : `${head}${" ".repeat(11 + width)}-> ${visible(advice)}\n`;
      }),
  );
  const count = (level: Level, word: string) => {
    const number = findings.filter((finding) => finding.level === level).length;
    return number === 1 ? `1 ${word}` : `${number} ${word}s`;
  };
  return `${lines.join("")}\n${count("problem", "problem")}, ${count("warning", "warning")}\n`;
}

/** Takes the verb's own options out; all others are the kubelet's. */
function readArgs(argv: readonly string[]): { readonly output: string | undefined; readonly flags: readonly string[] } {
  const flags: string[] = [];
  let output: string | undefined;
  for (let at = 0; at < argv.length; at++) {
    const arg = argv[at] ?? "";
    const named = /^(?:-o|--output)(?:=(.*))?$/.exec(arg);
    if (named) output = named[1] ?? argv[++at] ?? "";
    else if (arg !== "--") flags.push(arg);
  }
  return { output, flags };
}
