/** Runs files of `node:test` and shows only what a reader needs: a line per slow or failed file, failures in full, and counts. */
import { globSync } from "node:fs";
import { join, relative } from "node:path";
import { run } from "node:test";
import { bold, dim, red } from "./progress.ts";

const ROOT = join(import.meta.dirname, "../..");

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const NOTHING: Counts = { passed: 0, failed: 0, skipped: 0 };

export function plus(a: Counts, b: Counts): Counts {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** The closing line of a run, in the form that CI systems read. */
export function summaryLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** Test files by glob, relative to the repository, in a stable order. */
export function testFiles(patterns: readonly string[]): string[] {
  return globSync([...patterns], { cwd: ROOT })
    .map((path) => join(ROOT, path))
    .sort();
}

export interface TestRun {
  readonly files: readonly string[];
  /** Files that run at the same time, each in a process of its own. */
  readonly concurrency: number;
  /** Milliseconds that one file may take. */
  readonly timeout: number;
  /** Only tests whose name matches. */
  readonly name?: string | undefined;
  /** Names each file as it ends: for parts where one file takes many seconds. */
  readonly showFiles?: boolean;
}

export async function runTests({ files, concurrency, timeout, name, showFiles = false }: TestRun): Promise<Counts> {
  if (files.length === 0) return NOTHING;
  const events = run({
    files: [...files],
    concurrency,
    timeout,
    ...(name === undefined ? {} : { testNamePatterns: name }),
  });
  const report = new FailureReport();
  let counts = NOTHING;
  for await (const { type, data } of events) {
    if (type === "test:start") report.enter(data.nesting, data.name);
    else if (type === "test:stdout" || type === "test:stderr") report.said(data.file, data.message);
    else if (type === "test:fail") report.failed(data);
    else if (type === "test:summary") {
      // One summary for each file and one, without a file, for all.
      if (data.file === undefined) {
        const { passed, failed, cancelled, skipped, todo } = data.counts;
        counts = { passed, failed: failed + cancelled, skipped: skipped + todo };
      } else if (showFiles) {
        console.log(
          `  ${data.success ? "ok" : red("FAILED")} ${relative(ROOT, data.file)} ${dim(`(${Math.round(data.duration_ms / 100) / 10} s)`)}`,
        );
      }
    }
  }
  report.print();
  return counts;
}

interface Failure {
  readonly path: readonly string[];
  readonly where: string;
  readonly file: string | undefined;
  readonly reason: string;
}

/** Collects failures with the names of the suites around them, and what the file printed. */
class FailureReport {
  readonly #path: string[] = [];
  readonly #failures: Failure[] = [];
  readonly #output = new Map<string, string>();

  enter(nesting: number, name: string): void {
    this.#path.length = nesting;
    this.#path[nesting] = name;
  }

  said(file: string | undefined, text: string): void {
    const key = file ?? "";
    this.#output.set(key, ((this.#output.get(key) ?? "") + text).slice(-20_000));
  }

  failed(data: TestFailure): void {
    const error = data.details.error;
    // A suite fails when something in it did; that failure was reported by itself.
    if (error.failureType === "subtestsFailed" || data.skip !== undefined || data.todo !== undefined) return;
    const where = data.file === undefined ? "" : `${relative(ROOT, data.file)}:${data.line ?? 1}`;
    this.#failures.push({
      path: [...this.#path.slice(0, data.nesting), data.name],
      where,
      file: data.file,
      reason: explained(error),
    });
  }

  print(): void {
    for (const { path, where, reason } of this.#failures) {
      console.log(`\n${red("FAILED")} ${bold(path.join(" > "))}\n  ${dim(where)}\n${indented(reason)}`);
    }
    for (const file of new Set(this.#failures.map(({ file }) => file))) {
      const output = this.#output.get(file ?? "")?.trim();
      if (output)
        console.log(
          `\n${dim(`Output of ${file === undefined ? "the run" : relative(ROOT, file)}:`)}\n${indented(output)}`,
        );
    }
  }
}

/** What we read of node:test's failure event; its own types leave `error` as a bare Error. */
interface TestFailure {
  readonly name: string;
  readonly nesting: number;
  readonly file?: string;
  readonly line?: number;
  readonly skip?: string | boolean;
  readonly todo?: string | boolean;
  readonly details: { readonly error: Error & { readonly failureType?: string } };
}

function explained(error: Error): string {
  const cause = error.cause;
  if (cause instanceof Error) return cause.stack ?? cause.message;
  // An error that crossed a process boundary may have become plain text.
  return typeof cause === "string" ? cause : error.message;
}

function indented(text: string): string {
  return text.replace(/^/gm, "  ");
}
