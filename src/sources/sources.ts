import { Bell } from "../base/bell.ts";
import type { Log } from "../base/log.ts";
import type { Millis } from "../base/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { Files } from "../ports/files.ts";
import type { HttpClient } from "../ports/http.ts";
import { readFiles } from "./file-source.ts";
import type { SourceUpdate } from "./update.ts";
import { readUrl } from "./url-source.ts";

export interface SourcesOptions {
  readonly nodeName: string;
  /** Folder of manifests, or one manifest; absent or empty: no file source. */
  readonly staticPodPath?: string | undefined;
  readonly fileCheckFrequency: Millis;
  /** Absent or empty: no URL source. */
  readonly staticPodUrl?: string | undefined;
  readonly staticPodUrlHeader?: { readonly [name: string]: readonly string[] } | undefined;
  readonly httpCheckFrequency: Millis;
}

export interface SourcesDeps {
  readonly files: Files;
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly log: Log;
  /** Pods of the API server; see `ApiPods`. Absent: a node without a cluster. */
  readonly api?: ((signal: AbortSignal) => AsyncIterable<SourceUpdate>) | undefined;
}

/**
 * Updates of all sources. Each is the whole current set of its source; of several that came while the reader was busy only the
 * newest per source is given. A configured source has been seen once its first update came. Ends at once where no source is
 * configured, else by abort only.
 */
export function readSources(
  options: SourcesOptions,
  deps: SourcesDeps,
  signal: AbortSignal,
): AsyncIterable<SourceUpdate> {
  return mergeSources(
    (stopped) => [...openSources(options, deps, stopped), ...(deps.api ? [deps.api(stopped)] : [])],
    signal,
  );
}

/** The sources' updates as one stream; they are stopped when nobody reads it any more. */
export async function* mergeSources(
  open: (signal: AbortSignal) => readonly AsyncIterable<SourceUpdate>[],
  signal: AbortSignal,
): AsyncIterable<SourceUpdate> {
  const stop = new AbortController();
  const sources = open(AbortSignal.any([signal, stop.signal]));
  if (sources.length === 0) return;
  const newest = new Map<string, SourceUpdate>();
  const bell = new Bell();
  let failure: { readonly error: unknown } | undefined;
  const pumps = sources.map((source) =>
    pump(source, newest, bell).catch((error: unknown) => {
      failure ??= { error };
      bell.ring();
    }),
  );
  try {
    while (true) {
      await bell.wait(signal);
      if (failure) throw failure.error;
      // The map itself, no copy: a source may speak again while the reader works on another's update.
      for (const [source, update] of newest) {
        newest.delete(source);
        yield update;
      }
    }
  } finally {
    stop.abort();
    await Promise.all(pumps);
  }
}

async function pump(source: AsyncIterable<SourceUpdate>, newest: Map<string, SourceUpdate>, bell: Bell): Promise<void> {
  for await (const update of source) {
    newest.set(update.source, update);
    bell.ring();
  }
}

function openSources(
  options: SourcesOptions,
  deps: SourcesDeps,
  signal: AbortSignal,
): readonly AsyncIterable<SourceUpdate>[] {
  const { nodeName, staticPodPath, staticPodUrl, staticPodUrlHeader = {} } = options;
  const sources: AsyncIterable<SourceUpdate>[] = [];
  if (staticPodPath) {
    const file = { path: staticPodPath, nodeName, checkFrequency: options.fileCheckFrequency };
    sources.push(readFiles(file, deps, signal));
  }
  if (staticPodUrl) {
    const url = {
      url: staticPodUrl,
      headers: staticPodUrlHeader,
      nodeName,
      checkFrequency: options.httpCheckFrequency,
    };
    sources.push(readUrl(url, deps, signal));
  }
  return sources;
}
