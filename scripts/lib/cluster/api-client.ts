/** A small client of the API server for the cluster's own objects and for tests: JSON over one kept-alive connection pool, and watches. */
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { Agent, type RequestOptions, request } from "node:https";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

/** An object of any kind; tests name the kind they expect. */
export interface AnyObject {
  readonly apiVersion?: string | undefined;
  readonly kind?: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: what the server sends is checked by the tests that look at it
  readonly [field: string]: any;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** The server's no: its status code and its words. */
export class ApiError extends Error {
  readonly status: number;

  constructor(what: string, { status, body }: Answer) {
    super(`${what}: the API server answered ${status}: ${messageIn(body)}`);
    this.status = status;
  }
}

const CALL_MS = 60_000;
const PATIENCE_MS = 120_000;
/** The server closes what was idle for 90 s: we do first, or a request could meet the closing. */
const IDLE_MS = 30_000;
const PATCH_TYPES = {
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  json: "application/json-patch+json",
} as const;

/** Asking again would not help. 403 is none of them: a server that has just started refuses everybody until it has read the roles. */
const OUR_FAULT: readonly number[] = [400, 404, 405, 422];

export class ApiClient implements Disposable {
  readonly server: string;
  readonly #agent: Agent;

  /** `kubeconfig` is a file with certificates in it, as kubeconfig.ts writes them. */
  constructor(kubeconfig: string) {
    const config = JSON.parse(readFileSync(kubeconfig, "utf8"));
    const { server, "certificate-authority-data": ca } = config.clusters[0].cluster;
    const user = config.users[0].user;
    this.server = server;
    this.#agent = new Agent({
      keepAlive: true,
      timeout: IDLE_MS,
      ca: Buffer.from(ca, "base64"),
      cert: Buffer.from(user["client-certificate-data"], "base64"),
      key: Buffer.from(user["client-key-data"], "base64"),
    });
  }

  async get<T = AnyObject>(path: string): Promise<T> {
    return await this.#json<T>("GET", path);
  }

  /** The object, or undefined when there is none of that name. */
  async find<T = AnyObject>(path: string): Promise<T | undefined> {
    const answer = await this.send("GET", path);
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw new ApiError(`GET ${path}`, answer);
    return JSON.parse(answer.body);
  }

  /** The items of a list, with kind and apiVersion left out as the server does. */
  async list<T = AnyObject>(path: string): Promise<readonly T[]> {
    return (await this.#json<{ readonly items: readonly T[] }>("GET", path)).items;
  }

  /** POST to a collection (or subresource). */
  async create<T = AnyObject>(path: string, object: object): Promise<T> {
    return await this.#json<T>("POST", path, object);
  }

  async replace<T = AnyObject>(path: string, object: object): Promise<T> {
    return await this.#json<T>("PUT", path, object);
  }

  async patch<T = AnyObject>(path: string, patch: object, kind: keyof typeof PATCH_TYPES = "merge"): Promise<T> {
    return await this.#json<T>("PATCH", path, patch, PATCH_TYPES[kind]);
  }

  /** What is not there is fine. `options` as DeleteOptions has them. */
  async delete(path: string, options: object = {}): Promise<void> {
    const answer = await this.send("DELETE", path, JSON.stringify(options));
    if (answer.status >= 300 && answer.status !== 404) throw new ApiError(`DELETE ${path}`, answer);
  }

  /** One request, whatever its status. */
  async send(method: string, path: string, body?: string, type = "application/json"): Promise<Answer> {
    const response = await this.#open(method, path, AbortSignal.timeout(CALL_MS), body, type);
    return { status: response.statusCode ?? 0, body: await text(response) };
  }

  /**
   * The first state of a collection's object that is as wanted: the present one, or one that the watch brings. `undefined` stands for "not there".
   * `what` completes "waited 120 s for …". A connection that breaks is made again, so that a restart of the server does not disturb.
   */
  async until<T = AnyObject>(
    { collection, name }: { readonly collection: string; readonly name: string },
    wanted: (object: T | undefined) => boolean,
    { what = `${collection}/${name} to be as wanted`, timeoutMs = PATIENCE_MS }: UntilOptions = {},
  ): Promise<T | undefined> {
    const signal = AbortSignal.timeout(timeoutMs);
    const selector = `fieldSelector=${encodeURIComponent(`metadata.name=${name}`)}`;
    let last: T | undefined;
    let trouble: unknown;
    const isWanted = (object: T | undefined) => {
      last = object;
      return wanted(object);
    };
    while (!signal.aborted) {
      try {
        const path = `${collection}?${selector}`;
        const list = await this.#json<List<T>>("GET", path);
        if (isWanted(list.items[0])) return last;
        for await (const { type, object } of this.watch<T>(path, list.metadata.resourceVersion, signal)) {
          if (isWanted(type === "DELETED" ? undefined : object)) return last;
        }
      } catch (error) {
        if (error instanceof ApiError && OUR_FAULT.includes(error.status)) throw error;
        trouble = error;
        await pause(signal);
      }
    }
    const seen = JSON.stringify((last as AnyObject | undefined)?.status ?? last);
    throw new Error(`waited ${timeoutMs / 1000} s for ${what}; its last state: ${seen}`, { cause: trouble });
  }

  /** Events after a version, until the server ends the watch or the signal aborts. `path` may have a query. */
  async *watch<T = AnyObject>(path: string, resourceVersion: string, signal: AbortSignal): AsyncIterable<Change<T>> {
    const query = `watch=true&resourceVersion=${resourceVersion}`;
    const response = await this.#open("GET", `${path}${path.includes("?") ? "&" : "?"}${query}`, signal);
    if (response.statusCode !== 200)
      throw new ApiError(`watch ${path}`, { status: response.statusCode ?? 0, body: await text(response) });
    try {
      for await (const line of createInterface({ input: response })) {
        const change: Change<T> & { readonly object: AnyObject } = JSON.parse(line);
        if ((change.type as string) === "ERROR")
          throw new ApiError(`watch ${path}`, { status: change.object.code ?? 0, body: line });
        yield change;
      }
    } finally {
      response.destroy();
    }
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  async #json<T>(method: string, path: string, body?: object, type?: string): Promise<T> {
    const answer = await this.send(method, path, body === undefined ? undefined : JSON.stringify(body), type);
    if (answer.status >= 300) throw new ApiError(`${method} ${path}`, answer);
    return JSON.parse(answer.body);
  }

  async #open(method: string, path: string, signal: AbortSignal, body?: string, type = "application/json") {
    const headers = body === undefined ? {} : { "content-type": type, "content-length": Buffer.byteLength(body) };
    const options: RequestOptions = { method, agent: this.#agent, headers, signal };
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    request(new URL(path, this.server), options, resolve).on("error", reject).end(body);
    return await promise;
  }
}

export interface Change<T> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: T;
}

export interface UntilOptions {
  readonly what?: string;
  readonly timeoutMs?: number;
}

interface List<T> {
  readonly items: readonly T[];
  readonly metadata: { readonly resourceVersion: string };
}

function messageIn(body: string): string {
  try {
    return (JSON.parse(body) as { message?: string }).message ?? body;
  } catch {
    return body;
  }
}

/** A moment before the server is asked again, or less when time is up. */
async function pause(signal: AbortSignal): Promise<void> {
  await sleep(100, undefined, { signal }).catch(() => {});
}
