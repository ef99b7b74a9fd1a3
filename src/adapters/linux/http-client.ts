import type { IncomingMessage } from "node:http";
import { messageOf } from "../../base/fault.ts";
import type { HttpClient } from "../../ports/http.ts";

/** No redirects, no keep-alive: for one small document now and then. node:http(s) are loaded at the first request. */
export function createHttpClient(): HttpClient {
  return {
    async get(url, headers, { timeoutMs, maxBytes }, signal) {
      signal.throwIfAborted();
      const { protocol } = new URL(url);
      if (protocol !== "http:" && protocol !== "https:") throw new Error(`Cannot get ${url}: need http or https`);
      const limit = AbortSignal.timeout(timeoutMs);
      try {
        const response = await request(url, protocol, headers, AbortSignal.any([signal, limit]));
        return { status: response.statusCode ?? 0, body: await bodyOf(response, maxBytes) };
      } catch (error) {
        signal.throwIfAborted();
        const why = limit.aborted ? `no full answer within ${timeoutMs} ms` : messageOf(error);
        throw new Error(`Cannot get ${url}: ${why}`, { cause: error });
      }
    },
  };
}

async function request(
  url: string,
  protocol: "http:" | "https:",
  headers: { readonly [name: string]: readonly string[] },
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { get } =
    protocol === "https:" ? process.getBuiltinModule("node:https") : process.getBuiltinModule("node:http");
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const sent = Object.fromEntries(Object.entries(headers).map(([name, values]) => [name, [...values]]));
  get(url, { headers: sent, agent: false, signal }, resolve).on("error", reject);
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
