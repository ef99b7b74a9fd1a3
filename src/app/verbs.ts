import { once } from "node:events";
import { createLocalClient } from "../adapters/http/index.ts";
import { detectHost } from "../adapters/linux/index.ts";
import { runVerb, type VerbIo } from "../cli/index.ts";
import { configDepsHere } from "./load.ts";

/** Runs a verb for the person at this terminal. Returns the exit code. */
export async function runVerbHere(argv: readonly string[]): Promise<number> {
  const stop = new AbortController();
  const { stdout, stderr } = process;
  // Without a listener, a reader that went away (`| head`) would be a bug's stack on the terminal.
  stdout.on("error", () => {});
  process.once("SIGINT", () => stop.abort(new DOMException("Interrupted", "AbortError")));
  process.once("SIGTERM", () => stop.abort(new DOMException("Terminated", "AbortError")));
  const io: VerbIo = {
    async write(content) {
      if (stdout.errored) throw stdout.errored;
      if (!stdout.write(content)) await once(stdout, "drain", { signal: stop.signal });
    },
    complain: (message) => void stderr.write(`${message}\n`),
    env: process.env,
    now: () => new Date(),
    connect: createLocalClient,
    configDeps: () => configDepsHere(detectHost()),
    host: async () => (await import("./host-tools.ts")).hostTools,
  };
  return runVerb(argv, io, stop.signal);
}
