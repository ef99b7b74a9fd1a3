import { fstatSync } from "node:fs";

/** syslog(3)'s numbers for klog's severities. */
const PRIORITIES = { E: 3, W: 4, I: 6 } as const;
export type Severity = keyof typeof PRIORITIES;

/**
 * Does standard error go straight to the journal? `JOURNAL_STREAM` is its device and inode; where somebody put a pipe or file between, it differs.
 */
export function isJournal(env: { readonly [name: string]: string | undefined }, fd = 2): boolean {
  const named = /^(\d+):(\d+)$/.exec(env.JOURNAL_STREAM ?? "");
  if (named === null) return false;
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return named[1] === `${dev}` && named[2] === `${ino}`;
  } catch {
    return false;
  }
}

/**
 * `<3>text`: the journal takes the number for the entry's priority, and does not show it. It makes an entry of each line, so each gets the number: a stack
 * stays together in `journalctl -p err`.
 */
export const withPriority = (text: string, severity: Severity): string =>
  text.replace(/^(?=.)/gm, `<${PRIORITIES[severity]}>`);
