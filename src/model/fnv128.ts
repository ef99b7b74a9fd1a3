/**
 * FNV-1a of 128 bits as 32 hex digits, in four limbs of 32 bits: the prime is 2^88 + 0x13b, so a product is a shift and a small
 * multiplication. http://www.isthe.com/chongo/tech/comp/fnv/
 */
export function fnv128(bytes: Uint8Array): string {
  let [a, b, c, d] = [0x6295c58d, 0x62b82175, 0x07bb0142, 0x6c62272e];
  for (const byte of bytes) {
    a = (a ^ byte) >>> 0;
    const low = a * 0x13b;
    const second = b * 0x13b + Math.floor(low / 2 ** 32);
    const third = c * 0x13b + ((a << 24) >>> 0) + Math.floor(second / 2 ** 32);
    const top = Math.imul(d, 0x13b) + (a >>> 8) + (b << 24) + Math.floor(third / 2 ** 32);
    [a, b, c, d] = [low >>> 0, second >>> 0, third >>> 0, top >>> 0];
  }
  return [d, c, b, a].map((limb) => limb.toString(16).padStart(8, "0")).join("");
}
