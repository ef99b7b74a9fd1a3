import type { ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";
import { joinHostPort, readText } from "./go-net-words.ts";
import { dial, type ProbeTime } from "./probe-socket.ts";

/** grpc.health.v1.HealthCheckResponse.ServingStatus */
const STATUSES = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
const UNIMPLEMENTED = "12";
const MAX_ANSWER = 64 * 1024;

/**
 * `grpc.health.v1.Health/Check` over HTTP/2 without TLS: one small message each way, so no client library is needed, and its socket is ours to
 * reset. Returns the status' name.
 * @throws Error in upstream's words, or `signal.reason`
 */
export async function checkHealth(
  host: string,
  port: number,
  service: string,
  span: string,
  time: ProbeTime,
): Promise<string> {
  const address = joinHostPort(host, port);
  try {
    using line = await dial(host, port, time);
    const { connect } = process.getBuiltinModule("node:http2");
    const session = connect(`http://${address}`, { createConnection: () => line.socket });
    const { promise: broken, reject: fail } = Promise.withResolvers<never>();
    broken.catch(() => {});
    session.on("error", fail);
    const onAbort = () => fail(time.signal.reason);
    time.signal.addEventListener("abort", onAbort, { once: true });
    try {
      const stream = session.request({
        ":method": "POST",
        ":path": "/grpc.health.v1.Health/Check",
        "content-type": "application/grpc",
        te: "trailers",
        "user-agent": "kube-probe/1.37",
      });
      stream.end(requestOf(service));
      return await Promise.race([answerOf(stream), broken]);
    } finally {
      time.signal.removeEventListener("abort", onAbort);
      line[Symbol.dispose]();
      session.destroy();
    }
  } catch (error) {
    if (time.signal.aborted && !time.isOver()) throw time.signal.reason;
    throw new Error(wordsOf(error, address, span, time), { cause: error });
  }
}

function wordsOf(error: unknown, address: string, span: string, time: ProbeTime): string {
  if (error instanceof HealthRefused) return error.message;
  const dialled = !(error instanceof Error && error.message.startsWith("dial tcp"));
  if (time.isOver()) {
    return dialled
      ? `timeout: health rpc did not complete within ${span}`
      : `timeout: failed to connect service "${address}" within ${span}: context deadline exceeded`;
  }
  if (!dialled) return `error: failed to connect service at "${address}": ${readText(error)}`;
  return `error: health rpc probe failed: ${readText(error)}`;
}

/** The server answered, with a gRPC status that is an error. */
class HealthRefused extends Error {}

async function answerOf(stream: ClientHttp2Stream): Promise<string> {
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  stream.on("response", (given) => {
    headers = given;
  });
  stream.on("trailers", (given) => {
    trailers = given;
  });
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_ANSWER) throw new Error(`the answer is larger than ${MAX_ANSWER} bytes`);
    chunks.push(chunk);
  }
  const told = { ...headers, ...trailers };
  const status = String(told["grpc-status"] ?? "");
  const message = unescaped(String(told["grpc-message"] ?? ""));
  if (status === UNIMPLEMENTED) {
    throw new HealthRefused(
      `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${message}`,
    );
  }
  if (status === "0") return statusOf(Buffer.concat(chunks));
  const what =
    status === "" ? `unexpected HTTP status ${told[":status"] ?? "none"}` : `code = ${status} desc = ${message}`;
  throw new HealthRefused(`error: health rpc probe failed: rpc error: ${what}`);
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Five bytes of frame, then the message with field 1 as text: absent when empty. */
function requestOf(service: string): Uint8Array {
  const name = Buffer.from(service);
  const message =
    name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name]);
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

/** Field 1 as a number: absent when 0. */
function statusOf(framed: Uint8Array): string {
  const message = framed.subarray(5);
  const value = message.length >= 2 && message[0] === 0x08 ? (message[1] ?? 0) : 0;
  return STATUSES[value] ?? String(value);
}
