/**
 * Replaces `$(NAME)` by its value; an unknown name stays as written, `$$` gives `$` and so protects what follows it.
 * One pass: a value is never expanded again.
 */
export function expand(text: string, lookUp: (name: string) => string | undefined): string {
  return text.replace(/\$(?:\$|\(([^)]*)\))/g, (whole, name: string | undefined) =>
    name === undefined ? "$" : (lookUp(name) ?? whole),
  );
}
