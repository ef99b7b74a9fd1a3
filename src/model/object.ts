/** The object without the fields that are undefined: what is absent stays absent when it is printed or compared. */
export function defined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

/** The text, or `fallback` where it is absent or empty: Go has no difference. */
export const orElse = (text: string | undefined, fallback: string): string =>
  text === undefined || text === "" ? fallback : text;
