/** The candidate that a person most likely meant by `word`, if one is near: for "did you mean". */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.floor(Math.min(word.length, 24) / 3));
  if (word.length > 100) return undefined;
  let best: { readonly text: string; readonly distance: number } | undefined;
  for (const text of candidates) {
    const distance = editDistance(word.toLowerCase(), text.toLowerCase());
    if (distance <= limit && (!best || distance < best.distance)) best = { text, distance };
  }
  return best?.text;
}

/** Number of letters to insert, drop or replace. */
function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const line = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = (above[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      line.push(Math.min(replaced, (above[column] ?? 0) + 1, (line[column - 1] ?? 0) + 1));
    }
    above = line;
  }
  return above[b.length] ?? 0;
}
