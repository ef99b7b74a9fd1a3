import { KubeletError } from "../base/fault.ts";

/** Linux takes no longer string in a command or an environment (MAX_ARG_STRLEN), in bytes. */
const LONGEST = 128 * 1024;
/** And no more of all strings together (three quarters of its 8 MiB stack, execve(2)). */
const MOST = 6 * 1024 * 1024;

/**
 * Replaces `$(NAME)` by its value; an unknown name stays as written, `$$` gives `$` and so protects what follows it.
 * One pass: a value is never expanded again.
 * @throws KubeletError `waiting` where the result is longer than any process could be given: ten variables that each name the one before ten times make
 * gigabytes of a page of YAML
 */
export function expand(text: string, lookUp: (name: string) => string | undefined): string {
  let length = text.length;
  return text.replace(/\$(?:\$|\(([^)]*)\))/g, (whole, name: string | undefined) => {
    const value = name === undefined ? "$" : (lookUp(name) ?? whole);
    length += value.length - whole.length;
    if (length > LONGEST && value.length > whole.length)
      throw tooLong(
        `${JSON.stringify(whole)} makes a string of more than 128 KiB, which Linux takes in no command and no environment`,
      );
    return value;
  });
}

/** Texts of one process, which together must not be longer than Linux takes. */
export class Expansion {
  #length = 0;

  /** As the function. */
  expand(text: string, lookUp: (name: string) => string | undefined): string {
    const expanded = expand(text, lookUp);
    this.#length += Math.max(expanded.length - text.length, 0);
    if (this.#length > MOST)
      throw tooLong(
        "references such as $(NAME) make more than 6 MiB of its environment or command, which is more than Linux takes",
      );
    return expanded;
  }
}

const tooLong = (message: string) =>
  new KubeletError(message, { code: "waiting", reason: "CreateContainerConfigError" });
