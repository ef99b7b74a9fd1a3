/**
 * Waits for all of them, also when one fails: nothing may go on behind the back of whoever comes next, which could be the removal of what is
 * being made here.
 * @throws what the first one in the list that failed threw
 */
export async function sideBySide<T extends readonly unknown[]>(
  work: readonly [...T],
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
