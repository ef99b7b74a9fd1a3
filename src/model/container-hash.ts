const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const utf8 = new TextEncoder();

/** A container's spec never changes: each plan asks for its hash. */
const hashes = new WeakMap<object, string>();

/**
 * Hash over the fields whose change restarts a container, as lower-case hex without padding. It equals the Go kubelet's digit for
 * digit, so that a node can change from one to the other without restarting anything: FNV-1a (32 bits) of the text `([]uint8)[…]`
 * that holds each byte of `{"image":…,"name":…}` as a decimal number.
 */
export function containerHash(container: { readonly name: string; readonly image?: string | undefined }): string {
  const known = hashes.get(container);
  if (known !== undefined) return known;
  const hash = hashOf(container);
  hashes.set(container, hash);
  return hash;
}

function hashOf(container: { readonly name: string; readonly image?: string | undefined }): string {
  const json = `{"image":${goString(container.image ?? "")},"name":${goString(container.name)}}`;
  return fnv32(`([]uint8)[${utf8.encode(json).join(" ")}]`).toString(16);
}

/** JSON as Go's encoder writes it, which escapes what could end an HTML script. */
function goString(text: string): string {
  return JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function fnv32(ascii: string): number {
  let hash = FNV_OFFSET;
  for (let index = 0; index < ascii.length; index++) hash = Math.imul(hash ^ ascii.charCodeAt(index), FNV_PRIME);
  return hash >>> 0;
}
