import { isJournal, withPriority } from "../adapters/linux/journal.ts";
import { endProcess } from "../adapters/linux/libc.ts";
import { widenPool } from "../adapters/linux/pool.ts";
import { KubeletError } from "../base/fault.ts";

/** Exit code: 0 for help, version and a first SIGTERM; 1 for what keeps the kubelet from running. */
async function main(argv: readonly string[]): Promise<number> {
  const { isVerb } = await import("../cli/index.ts");
  if (isVerb(argv)) {
    const { runVerbHere } = await import("./verbs.ts");
    return runVerbHere(argv);
  }
  const stop = new AbortController();
  let asked = false;
  const onSignal = () => {
    if (asked) endProcess(1);
    asked = true;
    stop.abort(new DOMException("The kubelet was asked to stop", "AbortError"));
  };
  for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, onSignal);
  // Also rejections that nobody handles come here.
  process.on("uncaughtException", (bug) => {
    process.stderr.write(explain(bug));
    endProcess(1);
  });
  try {
    const { loadHere } = await import("./load.ts");
    const { host, loaded } = await loadHere(argv);
    if (loaded.kind !== "run") {
      process.stdout.write(loaded.text.endsWith("\n") ? loaded.text : `${loaded.text}\n`);
      return 0;
    }
    const { runKubelet } = await import("./run.ts");
    return await runKubelet(loaded.config, host, stop.signal);
  } catch (error) {
    if (stop.signal.aborted) return 0;
    process.stderr.write(explain(error));
    return 1;
  }
}

/** What a person reads when the kubelet does not run: a stack only for a bug. */
function explain(error: unknown): string {
  const text =
    error instanceof KubeletError
      ? `kubelet: ${error.message}\n`
      : `kubelet: a bug, please report it: ${error instanceof Error ? error.stack : error}\n`;
  return isJournal(process.env) ? withPriority(text, "E") : text;
}

// At once, whatever is still open: pipes are written synchronously, and a verb has waited for its output.
widenPool();
void main(process.argv.slice(2)).then(endProcess);
