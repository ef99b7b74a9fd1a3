/** A rule that one value can break, and its words for the documentation. */
export interface Rule<T> {
  readonly rule: string;
  check(value: T): string | undefined;
}

export const between = (least: number, most: number): Rule<number> => ({
  rule: `${least} to ${most}`,
  check: (value) =>
    value >= least && value <= most ? undefined : `must be between ${least} and ${most}, got ${value}`,
});

export const atLeast = (least: number): Rule<number> => ({
  rule: `>= ${least}`,
  check: (value) => (value >= least ? undefined : `must be at least ${least}, got ${value}`),
});

export const oneOf = (...values: readonly string[]): Rule<string> => ({
  rule: values.map((value) => value || '""').join(", "),
  check: (value) =>
    values.includes(value) ? undefined : `must be one of ${values.map((v) => v || '""').join(", ")}, got "${value}"`,
});

export const PORT: Rule<number> = between(1, 65535);
/** A port, or 0 for off. */
export const PORT_OR_OFF: Rule<number> = between(0, 65535);
