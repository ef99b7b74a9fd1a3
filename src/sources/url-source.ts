import { createHash } from "node:crypto";
import type { Problem } from "../base/fault.ts";
import { messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import type { Millis } from "../base/units.ts";
import { MAX_MANIFEST_BYTES } from "../model/yaml.ts";
import type { Clock } from "../ports/clock.ts";
import type { HttpClient } from "../ports/http.ts";
import { canonicalJson } from "./canonical-json.ts";
import { mergeScan } from "./folder.ts";
import type { Manifest } from "./manifest.ts";
import { readManifest } from "./manifest.ts";
import type { SourceUpdate } from "./update.ts";

export interface UrlSourceOptions {
  readonly url: string;
  readonly headers: { readonly [name: string]: readonly string[] };
  readonly nodeName: string;
  readonly checkFrequency: Millis;
}

export interface UrlSourceDeps {
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly log: Log;
}

const TIMEOUT_MS = 10_000;
/** Failures in a row that are logged as such; a server that stays away should not fill the log. */
const LOUD_FAILURES = 4;

/**
 * The URL source: asks every `checkFrequency` and yields when the answer, or what is wrong with it, changes. Pods stay through
 * failures of any kind; only an empty body (as upstream) or a list without them removes pods. Ends by abort only.
 */
export async function* readUrl(
  options: UrlSourceOptions,
  deps: UrlSourceDeps,
  signal: AbortSignal,
): AsyncIterable<SourceUpdate> {
  const { clock, log } = deps;
  let good: Extract<Manifest, { kind: "pods" }> | undefined;
  let lastBody: { readonly digest: string; readonly manifest: Manifest } | undefined;
  let failures = 0;
  let shown = "";
  while (true) {
    const answer = await ask(options, deps, signal);
    let found: Manifest;
    if (answer.kind === "failed") found = { kind: "invalid", problems: [answer.problem] };
    else {
      const digest = createHash("sha256").update(answer.body).digest("base64");
      if (lastBody?.digest !== digest) lastBody = { digest, manifest: await read(answer.body, options, clock) };
      found = lastBody.manifest;
    }
    if (answer.kind === "body" && answer.body.length === 0) good = { kind: "pods", pods: [], warnings: [] };
    else if (found.kind === "pods") good = found;
    failures = found.kind === "pods" ? 0 : failures + 1;
    if (found.kind === "invalid") {
      const text = found.problems
        .map(({ field, message }) => (field === "" ? message : `${field} ${message}`))
        .join("; ");
      const fields = { url: options.url, err: text };
      if (failures <= LOUD_FAILURES) log.warn("Cannot take pods from URL, earlier ones stay", fields);
      else log.debug(4, "Cannot take pods from URL, earlier ones stay", fields);
    }
    const before = new Map(good ? [[options.url, good]] : []);
    const { update } = mergeScan(before, [{ path: options.url, found }]);
    const text = canonicalJson(update);
    if (text !== shown) {
      shown = text;
      yield { ...update, source: "http" };
    }
    await clock.sleep(options.checkFrequency, signal);
  }
}

type Answer =
  | { readonly kind: "body"; readonly body: Uint8Array }
  | { readonly kind: "failed"; readonly problem: Problem };

async function ask({ url, headers }: UrlSourceOptions, { http }: UrlSourceDeps, signal: AbortSignal): Promise<Answer> {
  try {
    const { status, body } = await http.get(
      url,
      headers,
      { timeoutMs: TIMEOUT_MS, maxBytes: MAX_MANIFEST_BYTES },
      signal,
    );
    if (status === 200) return { kind: "body", body };
    return { kind: "failed", problem: { field: "", message: `answers with status ${status} instead of 200` } };
  } catch (error) {
    signal.throwIfAborted();
    return { kind: "failed", problem: { field: "", message: `cannot be fetched: ${messageOf(error)}` } };
  }
}

async function read(body: Uint8Array, { url, nodeName }: UrlSourceOptions, clock: Clock): Promise<Manifest> {
  if (body.length === 0)
    return { kind: "invalid", problems: [{ field: "", message: "answers with nothing, which removes its pods" }] };
  return readManifest(body, { source: "http", where: url, nodeName, seen: clock.wall() });
}
