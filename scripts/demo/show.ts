/** What the person at the terminal sees: a tick, what happened, and after how many seconds. */
import { bold, dim, green, red, seconds } from "../lib/progress.ts";

const live = process.stdout.isTTY === true;
/** Where no line can be written over, a long wait is told about this often. */
const PATIENCE_MS = 10_000;

export function heading(text: string): void {
  console.log(`\n${bold(text)}`);
}

/** Output of a command, set off from our own words. */
export function quoted(command: string, output: string): void {
  console.log(dim(`    $ ${command}`));
  for (const line of output.trimEnd().split("\n")) console.log(`    ${line}`);
}

export function ticked(text: string, milliseconds: number): void {
  clear();
  console.log(`  ${green("✔")} ${dim(seconds(milliseconds).padStart(6))}  ${text}`);
}

export function crossed(text: string, milliseconds: number, why: string): void {
  clear();
  console.log(`  ${red("✘")} ${dim(seconds(milliseconds).padStart(6))}  not seen: ${text}`);
  if (why) console.log(dim(why.replace(/^/gm, "             ")));
}

/** A line that is written over by whatever comes next; what is being waited for, and since when. */
export class Waiting implements Disposable {
  readonly #started = performance.now();
  #text: string;
  readonly #timer: NodeJS.Timeout;

  constructor(text: string) {
    this.#text = text;
    this.#timer = setInterval(() => this.#show(), live ? 100 : PATIENCE_MS);
  }

  say(text: string): void {
    this.#text = text;
  }

  #show(): void {
    const text = `  … ${this.#text} (${Math.round((performance.now() - this.#started) / 1000)} s)`;
    if (live) process.stdout.write(`\r\x1b[2K${dim(text.slice(0, (process.stdout.columns || 80) - 1))}`);
    else console.log(text);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    clear();
  }
}

function clear(): void {
  if (live) process.stdout.write("\r\x1b[2K");
}
