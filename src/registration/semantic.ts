/** Equality as the API means it: nothing, null, an empty list and an empty map are the same, for on the way they become one another. */
export function sameMeaning(a: unknown, b: unknown): boolean {
  if (a === b || (isNothing(a) && isNothing(b))) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, place) => sameMeaning(item, b[place]));
  }
  const [left, right] = [a as { readonly [key: string]: unknown }, b as { readonly [key: string]: unknown }];
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((key) => sameMeaning(left[key], right[key]));
}

const isNothing = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0);
