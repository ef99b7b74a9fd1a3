import type { ConfigMap, Secret } from "./kubernetes.ts";

/** Key -> value. */
export type ObjectValues = ReadonlyMap<string, Uint8Array>;

/** What the API server lets through is 1 MiB of values; whoever sends more is not it. */
const MAX_OBJECT_BYTES = 4 * 1024 * 1024;
const utf8 = new TextEncoder();

/** @throws Error for what is no ConfigMap, without showing its values */
export function configMapValues({ data, binaryData }: Pick<ConfigMap, "data" | "binaryData">): ObjectValues {
  return decoded([
    ...Object.entries(data ?? {}).map(([key, value]) => [key, value, "text"] as const),
    ...Object.entries(binaryData ?? {}).map(([key, value]) => [key, value, "base64"] as const),
  ]);
}

/** @throws Error for what is no Secret, without showing its values */
export function secretValues({ data }: Pick<Secret, "data">): ObjectValues {
  return decoded(Object.entries(data ?? {}).map(([key, value]) => [key, value, "base64"] as const));
}

function decoded(entries: readonly (readonly [key: string, value: unknown, form: "text" | "base64"])[]): ObjectValues {
  let total = 0;
  const values = entries.map(([key, value, form]) => {
    if (typeof value !== "string") throw new Error(`the value of key ${key} is no text`);
    const bytes = form === "text" ? utf8.encode(value) : Buffer.from(value, "base64");
    total += bytes.length;
    if (total > MAX_OBJECT_BYTES) throw new Error(`it holds more than the ${MAX_OBJECT_BYTES} bytes allowed`);
    return [key, bytes] as const;
  });
  return new Map<string, Uint8Array>(values);
}
