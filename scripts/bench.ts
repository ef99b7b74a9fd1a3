/**
 * `npm run bench [-- ROW... OPTION...]`: measures kubelet-ts beside a bare client that makes the same CRI calls, and beside the Go kubelet where asked to;
 * `npm run bench -- cluster [ROW... OPTION...]` as the node of a real cluster.
 * What is measured and how: docs/bench.md. Bars that are not met are marked in the table and do not change the exit code.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runClusterBench } from "../bench/cluster/run.ts";
import { factsLine, machineFacts } from "../bench/machine-facts.ts";
import { markdown, writeSection } from "../bench/markdown.ts";
import { type Options, parseOptions, usage } from "../bench/options.ts";
import { table } from "../bench/report.ts";
import type { Measured } from "../bench/result.ts";
import { runBench } from "../bench/run.ts";
import { run } from "./lib/run.ts";

async function main(argv: readonly string[]): Promise<number> {
  if (argv.includes("--help")) {
    console.log(usage());
    return 0;
  }
  let options: Options;
  try {
    options = parseOptions(argv);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usage()}`);
    return 2;
  }
  const root = join(import.meta.dirname, "..");
  const facts = await machineFacts(root);
  const results: Measured[] = [];
  const write = () => {
    if (options.json !== undefined)
      writeFileSync(options.json, `${JSON.stringify({ facts, options, results }, undefined, 2)}\n`);
  };
  try {
    const cluster = options.clusterRows.length > 0;
    const measure = cluster ? runClusterBench : runBench;
    await measure(
      options,
      (measured) => {
        results.push(...measured);
        console.log(`\n${table(measured)}`);
        write();
      },
      stopSignal(),
    );
    const shaping = argv.filter((arg) => !/^--(readme|json|keep-logs)/.test(arg));
    const command = ["npm run bench", ...(shaping.length > 0 ? ["--", ...shaping] : [])].join(" ");
    if (options.readme) {
      const readme = join(root, "README.md");
      writeSection(readme, cluster ? "bench-cluster" : "bench", markdown(results, facts, options.containerd, command));
      await run(join(root, "node_modules/.bin/biome"), ["format", "--write", readme]);
    }
  } catch (error) {
    console.error(`\nbench: ${error instanceof Error ? error.stack : error}`);
    return 1;
  } finally {
    if (results.length > 0) console.log(`\n${factsLine(facts, options.containerd)}\n\n${table(results)}`);
    write();
  }
  return 0;
}

/** Aborts at ^C or SIGTERM: containers would go on without us, so everything is cleared away first. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    // What a row still waits for fails now, one after the other.
    process.on("unhandledRejection", () => {});
    stop.abort(new Error(`stopped by ${name}; cleared away what was started`));
  };
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, onSignal);
  return stop.signal;
}

process.exitCode = await main(process.argv.slice(2));
// A stream of events that was broken off keeps the loop alive for a while.
process.exit();
