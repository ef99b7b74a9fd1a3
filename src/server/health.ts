import type { HealthCheck } from "../node/index.ts";
import type { HttpReply } from "../ports/http-server.ts";
import { text } from "./reply.ts";

/** `/healthz`: "ok", or one line per check when asked for (`verbose`) or when one fails. `exclude=NAME` leaves a check out. */
export function healthReply(checks: readonly HealthCheck[], query: URLSearchParams): HttpReply {
  const excluded = new Set(query.getAll("exclude"));
  const lines: string[] = [];
  let failed = false;
  for (const { name, problem } of checks) {
    if (excluded.delete(name)) lines.push(`[+]${name} excluded: ok`);
    else if (problem() === undefined) lines.push(`[+]${name} ok`);
    else {
      failed = true;
      // The reason is for the log and the verbs: this page is public.
      lines.push(`[-]${name} failed: reason withheld`);
    }
  }
  if (excluded.size > 0) {
    const names = [...excluded].sort().map((name) => JSON.stringify(name));
    lines.push(`warn: some health checks cannot be excluded: no matches for ${names.join(", ")}`);
  }
  const page = lines.map((line) => `${line}\n`).join("");
  if (failed) return text(500, `${page}healthz check failed\n`);
  return text(200, query.has("verbose") ? `${page}healthz check passed\n` : "ok");
}

/** `/healthz/NAME` */
export function oneHealthReply(check: HealthCheck): HttpReply {
  const problem = check.problem();
  return problem === undefined ? text(200, "ok") : text(500, `internal server error: ${problem}\n`);
}
