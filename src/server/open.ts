import type { X509Certificate } from "node:crypto";
import { KubeletError, messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import { Semaphore } from "../base/semaphore.ts";
import type { KubeletMetrics } from "../metrics/index.ts";
import type { NodeView } from "../node/index.ts";
import type { Clock } from "../ports/clock.ts";
import type { Files } from "../ports/files.ts";
import type {
  HttpHandler,
  HttpListener,
  HttpServers,
  TcpAddress,
  TlsListener,
  TlsSettings,
} from "../ports/http-server.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { LogFiles } from "../ports/log-files.ts";
import type { Random } from "../ports/random.ts";
import { type Access, type AccessOptions, planAccess } from "./access.ts";
import { type AnswerDeps, answer } from "./answer.ts";
import type { ReviewOptions } from "./api-reviews.ts";
import { parseBundle } from "./client-certificate.ts";
import { noReviews, type Reviews } from "./gate.ts";
import { openHealthPort } from "./health-port.ts";
import type { RouteOptions } from "./route.ts";
import { loadServingPair, type PairOptions, pairPaths, readPair } from "./serving-pair.ts";
import { opensslCiphers, opensslGroups, tlsVersion } from "./tls-names.ts";

export interface ServerOptions {
  /** undefined: off (healthzPort 0), or opened before by the caller. */
  readonly health: TcpAddress | undefined;
  /** undefined: off (enableServer false). */
  readonly main: TcpAddress | undefined;
  readonly socketPath: string;
  readonly access: AccessOptions;
  readonly reviews: ReviewOptions;
  readonly pair: PairOptions;
  /** Upstream's names: `VersionTLS12`, Go's cipher suites, IANA group numbers. */
  readonly tls: {
    readonly minVersion: string;
    readonly cipherSuites: readonly string[];
    readonly curves: readonly number[];
  };
  readonly routes: Omit<RouteOptions, "local">;
  readonly splitStreams: boolean;
  readonly webSocketStreams: boolean;
}

export interface ServerDeps extends Pick<AnswerDeps, "runtime" | "snapshot" | "usage"> {
  readonly view: NodeView;
  /** undefined: none known yet, or never. */
  readonly api: () => KubeApi | undefined;
  readonly random: Random;
  readonly metrics: KubeletMetrics;
  readonly http: HttpServers;
  readonly files: Files;
  readonly logFiles: LogFiles;
  readonly clock: Clock;
  readonly log: Log;
}

export interface KubeletServer extends AsyncDisposable {
  /** Resolves with the main port's address when it is open, with undefined when it is off. Rejects when it can't be opened: the kubelet ends with code 1. */
  readonly main: Promise<string | undefined>;
  /** Resolves with the health port's address when it is open; tried again every 5 s while it is taken. */
  readonly health: Promise<string | undefined>;
}

const nothing = Promise.resolve(undefined);
const MAX_CA = 4 * 1024 * 1024;

/**
 * Opens the health port and the local socket, then, without waiting for it, the main port: its key may have to be made first.
 * @throws KubeletError `start-refused` for access rules that can't be kept, or when another kubelet serves the local socket
 */
export async function openServer(
  options: ServerOptions,
  deps: ServerDeps,
  signal: AbortSignal,
): Promise<KubeletServer> {
  const access = planAccess(options.access);
  await using opened = new AsyncDisposableStack();
  const stop = new AbortController();
  const scope = AbortSignal.any([signal, stop.signal]);
  let clientCas: readonly X509Certificate[] = [];
  const answerDeps: AnswerDeps = {
    ...deps,
    files: deps.logFiles,
    access,
    reviews: await reviewsFor(access, options.reviews, deps, scope),
    routes: options.routes,
    splitStreams: options.splitStreams,
    webSocketStreams: options.webSocketStreams,
    clientCas: () => clientCas,
  };
  const handler: HttpHandler = (request, until) => answer(request, answerDeps, until);
  const health = quiet(options.health ? openHealthPort(options.health, deps, scope) : nothing, scope);
  opened.use(await deps.http.local(options.socketPath, handler));
  const onlyHealth = access.kind === "health-only";
  const address = options.main && onlyHealth ? { ...options.main, host: "127.0.0.1" } : options.main;
  const main = quiet(
    openMain({ ...options, main: address }, { ...deps, handler, trust: (cas) => (clientCas = cas) }, scope),
    scope,
  );
  const close = opened.move();
  return {
    main: quiet(
      main.then((listener) => listener?.address),
      scope,
    ),
    health: health.then((listener) => listener?.address),
    async [Symbol.asyncDispose]() {
      stop.abort(new DOMException("The server closes", "AbortError"));
      for (const listener of await Promise.allSettled([main, health])) {
        if (listener.status === "fulfilled") await listener.value?.[Symbol.asyncDispose]();
      }
      await close.disposeAsync();
    },
  };
}

/** Loaded only where somebody is asked. */
async function reviewsFor(
  access: Access,
  options: ReviewOptions,
  deps: ServerDeps,
  signal: AbortSignal,
): Promise<Reviews> {
  if (access.kind === "health-only" || !(access.tokens || access.authorize)) return noReviews;
  const { apiReviews } = await import("./api-reviews.ts");
  return apiReviews(options, deps, signal);
}

/** Being closed while still opening is no failure. A rejection is kept for whoever asks. */
function quiet<T>(opening: Promise<T | undefined>, scope: AbortSignal): Promise<T | undefined> {
  const kept = opening.catch((error: unknown) => {
    if (scope.aborted) return undefined;
    throw error;
  });
  kept.catch(() => {});
  return kept;
}

type MainDeps = ServerDeps & {
  readonly handler: HttpHandler;
  readonly trust: (cas: readonly X509Certificate[]) => void;
};

async function openMain(
  options: ServerOptions,
  deps: MainDeps,
  signal: AbortSignal,
): Promise<HttpListener | undefined> {
  if (options.main === undefined) return undefined;
  const caFile = options.access.clientCaFile;
  const clientCa = caFile === "" ? undefined : await loadClientCa(caFile, deps);
  const pair = await loadServingPair(options.pair, deps);
  let settings: TlsSettings = {
    pair,
    clientCa,
    minVersion: tlsVersion(options.tls.minVersion),
    ciphers: opensslCiphers(options.tls.cipherSuites),
    curves: opensslGroups(options.tls.curves),
  };
  signal.throwIfAborted();
  const listener = await deps.http.tls(options.main, settings, deps.handler);
  deps.log.info("Serving", { address: listener.address });
  const update = (change: Partial<TlsSettings>) => {
    const fresh = { ...settings, ...change };
    // Throws for a certificate whose key is still to come: then the one in use stays what the next is compared with.
    listener.update(fresh);
    settings = fresh;
  };
  const { cert, key } = pairPaths(options.pair);
  const turns = new Semaphore(1);
  // One at a time, so that what was read last is used last.
  const reload = async () => {
    using _turn = await turns.take(signal);
    await reloadPair(options, update, () => settings, deps);
  };
  // Both files: whoever renews them may write the key last.
  const watching = [...new Set([cert, key])].map((path) => follow(path, reload, deps, signal));
  if (caFile !== "") watching.push(follow(caFile, () => reloadCa(caFile, update, () => settings, deps), deps, signal));
  return closing(listener, watching);
}

const closing = (listener: TlsListener, watching: readonly Promise<void>[]): HttpListener => ({
  address: listener.address,
  async [Symbol.asyncDispose]() {
    await Promise.all(watching);
    await listener[Symbol.asyncDispose]();
  },
});

/** Runs `reload` after each change of `path`. What can't be read is said once per change; the last good value stays. */
async function follow(
  path: string,
  reload: () => Promise<void>,
  { files, log }: ServerDeps,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const _ of files.watch(path, signal)) {
      await reload().catch((error: unknown) => {
        if (!signal.aborted) log.error("Failed to reload file, keeping the last one", { path, err: messageOf(error) });
      });
    }
  } catch (error) {
    if (!signal.aborted) log.error("Failed to watch file, changes of it are not seen", { path, err: messageOf(error) });
  }
}

type Update = (change: Partial<TlsSettings>) => void;

async function reloadPair(
  { pair }: ServerOptions,
  update: Update,
  settings: () => TlsSettings,
  { files, log }: ServerDeps,
): Promise<void> {
  const paths = pairPaths(pair);
  const found = await readPair(files, paths);
  const now = settings().pair;
  if (found === undefined || (found.cert === now?.cert && found.key === now.key)) return;
  update({ pair: found });
  log.info("Serving certificate reloaded", { path: paths.cert });
}

async function reloadCa(path: string, update: Update, settings: () => TlsSettings, deps: MainDeps): Promise<void> {
  const before = settings().clientCa;
  const clientCa = await loadClientCa(path, deps, before);
  if (clientCa === before) return;
  update({ clientCa });
  deps.log.info("Client CA reloaded", { path });
}

/** Reads the bundle and trusts it from now on, unless it is the same as `before`. */
async function loadClientCa(path: string, { files, trust }: MainDeps, before?: string): Promise<string> {
  const content = await files.read(path, MAX_CA);
  const refuse = (why: string): KubeletError =>
    new KubeletError(`Cannot read client CA file ${path} (authentication.x509.clientCAFile): ${why}`, {
      code: "start-refused",
      what: path,
    });
  if (content === undefined) throw refuse("there is no such file");
  const pem = Buffer.from(content).toString("utf8");
  if (pem === before) return pem;
  try {
    trust(parseBundle(pem));
  } catch (error) {
    throw refuse(messageOf(error));
  }
  return pem;
}
