/** Restart count to begin with where the runtime knows no instance: one past the newest log file, so that none is written over. */
export function firstAttempt(logFiles: readonly string[]): number {
  let next = 0;
  for (const file of logFiles) {
    const number = /^(\d+)\.log(\..*)?/.exec(file)?.[1];
    if (number !== undefined && Number.isSafeInteger(Number(number))) next = Math.max(next, Number(number) + 1);
  }
  return next;
}
