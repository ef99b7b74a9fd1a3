import type { Log } from "../../base/log.ts";

const MOST_REMEMBERED = 200;

/** Warning headers of the API server (deprecated versions, odd fields), each text once. RFC 9111, section 5.5. */
export class Warnings {
  readonly #log: Log;
  readonly #seen = new Set<string>();

  constructor(log: Log) {
    this.#log = log;
  }

  take(header: string | readonly string[] | undefined): void {
    if (header === undefined) return;
    for (const line of typeof header === "string" ? [header] : header) {
      for (const [, text = ""] of line.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g))
        this.#tell(text.replace(/\\(.)/g, "$1"));
    }
  }

  #tell(text: string): void {
    if (this.#seen.has(text) || this.#seen.size >= MOST_REMEMBERED) return;
    this.#seen.add(text);
    this.#log.warn("API server warns", { warning: text.slice(0, 500) });
  }
}
