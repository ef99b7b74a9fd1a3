/**
 * `npm test [-- PART... [OPTION...]]`: runs the tests by parts, all of them when none is named. The last line is `N passed, N failed, N skipped`, over all
 * parts; the exit code is 0 only if something passed and nothing failed.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { runChecks } from "./lib/checks.ts";
import { isGiven } from "./lib/cluster/binaries.ts";
import { bold, dim, red, seconds } from "./lib/progress.ts";
import { runSimulator, simulatorExists } from "./lib/simulation.ts";
import { type Counts, NOTHING, plus, runTests, summaryLine, testFiles } from "./lib/tests.ts";
import { vmProblem } from "./lib/vm/image.ts";
import { ensureSnapshot } from "./lib/vm/snapshot.ts";
import { ensureTool, goProblem, type ToolName } from "./tools.ts";

const MINUTE = 60_000;
const TIDY = "test/tidy.test.ts";

const PARTS = {
  check: "types, lint, and the structure of the source",
  unit: "everything that needs no real parts",
  sim: "the simulator's seeds (--seed N, or --seeds COUNT --from FIRST)",
  package: "what is shipped: the executable and the Debian package; needs root",
  node: "real containers, mounts, cgroups, networks; needs root and Go",
  cluster: "a real API server, scheduler, controllers and kubectl; needs root and Go",
  vm: "an emulated Debian with systemd and cgroup v2; needs root, Go and an x86-64 machine",
} as const;
type Part = keyof typeof PARTS;

/** What is built before the parts that use it run: a test that waits for a compiler would fail by its time limit. */
const TOOLS: Readonly<Partial<Record<Part, readonly ToolName[]>>> = {
  node: ["containerd"],
  cluster: ["containerd", "etcd", "control-plane", "kubelet", "kube-proxy", "coredns", "metrics-server"],
  vm: ["kubelet", "kubeadm", "control-plane", "etcd"],
};

/** Of the part `vm`, what runs when no part is named: an emulated machine is slow, and all of it would take the whole run over its time. */
const VM_SMOKE = ["harness", "package", "cgroups"].map((name) => `test/vm/${name}.test.ts`);

interface Request {
  readonly parts: readonly Part[];
  /** The person named parts, and gets all of them. */
  readonly named: boolean;
  /** Only test files whose path contains this. */
  readonly file: string | undefined;
  /** Only tests whose name matches. */
  readonly name: string | undefined;
  readonly simulator: readonly string[];
}

function parseRequest(argv: readonly string[]): Request {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      file: { type: "string" },
      name: { type: "string" },
      seed: { type: "string" },
      seeds: { type: "string" },
      from: { type: "string" },
    },
  });
  const unknown = positionals.filter((part) => !Object.hasOwn(PARTS, part));
  if (unknown.length > 0) throw new Error(`unknown part ${unknown.map((part) => `"${part}"`).join(", ")}`);
  const simulator = (["seed", "seeds", "from"] as const).flatMap((key) =>
    values[key] === undefined ? [] : [`--${key}`, values[key]],
  );
  if (simulator.length > 0 && !positionals.includes("sim"))
    throw new Error("--seed, --seeds and --from go with the part sim");
  const all = Object.keys(PARTS);
  const parts = (positionals.length === 0 ? all : all.filter((part) => positionals.includes(part))) as Part[];
  return { parts, named: positionals.length > 0, file: values.file, name: values.name, simulator };
}

function usage(): string {
  const parts = Object.entries(PARTS).map(([part, text]) => `  ${part.padEnd(7)} ${text}`);
  return [
    "usage: npm test -- [PART...] [--file TEXT] [--name REGEXP]",
    "parts, all when none is named:",
    ...parts,
  ].join("\n");
}

async function runPart(part: Part, request: Request): Promise<Counts> {
  const files = (...patterns: string[]) => testFiles(patterns).filter((path) => path.includes(request.file ?? ""));
  const { name } = request;
  switch (part) {
    case "check":
      return plus(await runChecks(), await runTests({ files: files(TIDY), concurrency: 1, timeout: MINUTE, name }));
    case "unit": {
      const chosen = files("src/**/*.test.ts", "test/*.test.ts", "scripts/**/*.test.ts").filter(
        (path) => !path.endsWith(TIDY),
      );
      return await runTests({ files: chosen, concurrency: availableParallelism(), timeout: 2 * MINUTE, name });
    }
    case "sim":
      if (simulatorExists()) return await runSimulator(request.simulator);
      console.log("  there is no simulator yet (src/app/sim-main.ts)");
      return NOTHING;
    case "package":
    case "node":
    case "cluster":
      // One at a time: these files measure the machine (leaks, deadlines), and one would see another's containers.
      return await runTests({
        files: files(`test/${part}/**/*.test.ts`),
        concurrency: 1,
        timeout: 10 * MINUTE,
        name,
        showFiles: true,
      });
    case "vm": {
      if (!request.named) console.log(dim("  its smoke set; all of it: npm test -- vm"));
      return await runTests({
        files: files(...(request.named ? ["test/vm/*.test.ts"] : VM_SMOKE)),
        // One at a time: each machine has as many processors as this one.
        concurrency: 1,
        timeout: 20 * MINUTE,
        name,
        showFiles: true,
      });
    }
  }
}

/** Builds what the parts need; returns why that cannot be done. */
async function prepare(parts: readonly Part[]): Promise<string | undefined> {
  if (parts.includes("vm")) {
    const vm = vmProblem();
    if (vm !== undefined) return `${vm}. The other parts run without: npm test -- unit node cluster`;
  }
  const tools = new Set(parts.flatMap((part) => TOOLS[part] ?? []));
  if (tools.size === 0) return undefined;
  const problem = await goProblem();
  if (problem !== undefined) {
    const without = (Object.keys(PARTS) as Part[]).filter((part) => TOOLS[part] === undefined).join(", ");
    return `${problem}. The parts ${without} run without it: npm test -- unit`;
  }
  for (const tool of tools) if (!isGiven(tool)) await ensureTool(tool);
  if (parts.includes("vm")) await ensureSnapshot();
  return undefined;
}

async function main(): Promise<number> {
  let request: Request;
  try {
    request = parseRequest(process.argv.slice(2));
  } catch (error) {
    console.error(`test: ${error instanceof Error ? error.message : error}\n${usage()}`);
    return 2;
  }
  const problem = await prepare(request.parts);
  if (problem !== undefined) {
    console.error(`test: ${problem}`);
    return 1;
  }
  let total = NOTHING;
  for (const part of request.parts) {
    console.log(`${bold(part)} ${dim(PARTS[part])}`);
    const started = performance.now();
    const counts = await runPart(part, request);
    console.log(`  ${summaryLine(counts)} in ${seconds(performance.now() - started)}\n`);
    total = plus(total, counts);
  }
  const nothing = total.passed + total.failed + total.skipped === 0;
  if (nothing) console.log(red("No test ran: nothing matches"));
  console.log(summaryLine(total));
  return nothing || total.failed > 0 ? 1 : 0;
}

process.exitCode = await main();
