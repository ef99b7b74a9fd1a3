/** More than the server may send is no answer but an attack or a bug. */
export class TooLargeError extends Error {
  override readonly name = "TooLargeError";
  constructor(limit: number) {
    super(`the answer is larger than ${limit / 1024 / 1024} MiB`);
  }
}

export class NoJsonError extends Error {
  override readonly name = "NoJsonError";
}

/** All of a body. */
export async function textOf(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw new TooLargeError(maxBytes);
    chunks.push(chunk);
  }
  const [only] = chunks;
  return (
    chunks.length === 1 && only ? Buffer.from(only.buffer, only.byteOffset, only.length) : Buffer.concat(chunks)
  ).toString();
}

const NEWLINE = 0x0a;
/** So many lines may one value take: a server may end an inner object with a newline of its own. */
const MOST_LINES = 16;

/** The values of a stream of JSON documents, one per line. Each byte is looked at once, however small the chunks. */
export async function* jsonLines(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<unknown, void, undefined> {
  let parts: Uint8Array[] = [];
  let size = 0;
  let lines = 0;
  for await (const chunk of body) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      parts.push(chunk.subarray(from, end + 1));
      from = end + 1;
      const value = parsed(Buffer.concat(parts).toString(), ++lines);
      if (value === undefined) continue;
      parts = [];
      size = 0;
      lines = 0;
      if (value !== EMPTY) yield value;
    }
    if (from === chunk.length) continue;
    // A chunk may be a view of a larger pool.
    parts.push(from === 0 ? chunk : chunk.subarray(from));
    size += chunk.length - from;
    if (size > maxBytes) throw new TooLargeError(maxBytes);
  }
}

const EMPTY = Symbol("empty line");

/** undefined: not a whole value yet. */
function parsed(text: string, lines: number): unknown {
  if (text.trim() === "") return EMPTY;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (lines >= MOST_LINES) throw new NoJsonError("the answer is no JSON", { cause: error });
    return undefined;
  }
}
