import type { IncomingMessage } from "node:http";
import { messageOf } from "../../base/fault.ts";
import type { HttpClient } from "../../ports/http.ts";
import { REDIRECTS, refuseUpgrade } from "../http/client-rules.ts";

type Headers = { readonly [name: string]: readonly string[] };

/** As Go's client, which the Go kubelet uses. */
const MOST_REDIRECTS = 10;
/** Not for another host, to which a redirect may lead. */
const SECRETS: ReadonlySet<string> = new Set(["authorization", "cookie", "www-authenticate", "proxy-authorization"]);

/** No keep-alive: for one small document now and then. node:http(s) are loaded at the first request. */
export function createHttpClient(): HttpClient {
  return {
    async get(url, headers, { timeoutMs, maxBytes }, signal) {
      signal.throwIfAborted();
      const limit = AbortSignal.timeout(timeoutMs);
      try {
        const response = await follow(new URL(url), headers, AbortSignal.any([signal, limit]));
        return { status: response.statusCode ?? 0, body: await bodyOf(response, maxBytes) };
      } catch (error) {
        signal.throwIfAborted();
        const why = limit.aborted ? `no full answer within ${timeoutMs} ms` : messageOf(error);
        throw new Error(`Cannot get ${url}: ${why}`, { cause: error });
      }
    },
  };
}

/** The first answer that leads nowhere else. */
async function follow(url: URL, headers: Headers, signal: AbortSignal): Promise<IncomingMessage> {
  let [at, sent] = [url, headers];
  for (let redirects = 0; ; redirects++) {
    const response = await request(at, sent, signal);
    const { location } = response.headers;
    if (!REDIRECTS.has(response.statusCode) || location === undefined) return response;
    response.destroy();
    if (redirects === MOST_REDIRECTS) throw new Error(`it leads elsewhere more than ${MOST_REDIRECTS} times`);
    if (!URL.canParse(location, at)) throw new Error(`it leads to ${JSON.stringify(location)}, which is no URL`);
    at = new URL(location, at);
    if (!isWithin(at.hostname, url.hostname)) sent = withoutSecrets(sent);
  }
}

const isWithin = (host: string, domain: string): boolean => host === domain || host.endsWith(`.${domain}`);

const withoutSecrets = (headers: Headers): Headers =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !SECRETS.has(name.toLowerCase())));

async function request(url: URL, headers: Headers, signal: AbortSignal): Promise<IncomingMessage> {
  const { protocol } = url;
  if (protocol !== "http:" && protocol !== "https:") throw new Error(`${url} is neither http nor https`);
  const { get } =
    protocol === "https:" ? process.getBuiltinModule("node:https") : process.getBuiltinModule("node:http");
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const sent = Object.fromEntries(Object.entries(headers).map(([name, values]) => [name, [...values]]));
  const asked = get(url, { headers: sent, agent: false, signal }, resolve).on("error", reject);
  refuseUpgrade(asked, reject);
  return promise;
}

async function bodyOf(response: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    total += chunk.length;
    if (total > maxBytes) throw new Error(`the answer is larger than the ${maxBytes} bytes allowed`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
