/** Puts `dist/kubelet` together: Node with our loader, the parts, the list of them, the footer (src/adapters/executable/layout.ts). */
import { createHash } from "node:crypto";
import { appendFileSync, copyFileSync, readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { encodeFooter, type Layout, type Part, type Script } from "../../../src/adapters/executable/layout.ts";
import type { Bundle } from "./bundle.ts";

export interface Contents {
  readonly bundle: Bundle;
  readonly version: string;
  /** V8's compiled form by name of the script. */
  readonly compiled: ReadonlyMap<string, Uint8Array>;
  /** As in `Layout`. */
  readonly train?: string;
}

/** Writes the executable `path` from the one in `base`. The same bytes for the same contents. */
export function assemble(base: string, path: string, { bundle, version, compiled, train }: Contents): void {
  copyFileSync(base, path);
  const node = readFileSync(base);
  const hash = createHash("sha256").update(node);
  const chunks: Uint8Array[] = [];
  let end = node.length;
  const add = (bytes: Uint8Array): Part => {
    const part = { offset: end, length: bytes.length, crc: crc32(bytes) };
    chunks.push(bytes);
    hash.update(bytes);
    end += bytes.length;
    return part;
  };
  const scripts: Record<string, Script> = {};
  for (const [name, text] of sorted(bundle.scripts)) {
    const cache = compiled.get(name);
    scripts[name] = { source: add(Buffer.from(text, "latin1")), ...(cache && { cache: add(cache) }) };
  }
  const files: Record<string, Part> = {};
  for (const [name, bytes] of sorted(bundle.files)) files[name] = add(bytes);
  const sha256 = hash.copy().digest("hex");
  const layout: Layout = {
    version,
    entry: bundle.entry,
    scripts,
    files,
    sha256,
    ...(train !== undefined && { train }),
  };
  const list = add(Buffer.from(JSON.stringify(layout)));
  appendFileSync(path, Buffer.concat([...chunks, encodeFooter(list)]));
}

function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}
