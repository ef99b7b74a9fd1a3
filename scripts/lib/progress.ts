/** One line for each long step of a script: what it is, and how long it took. */

const color = process.stdout.isTTY && process.env.NO_COLOR === undefined;

export function bold(text: string): string {
  return color ? `\x1b[1m${text}\x1b[0m` : text;
}
export function dim(text: string): string {
  return color ? `\x1b[2m${text}\x1b[0m` : text;
}
export function red(text: string): string {
  return color ? `\x1b[31m${text}\x1b[0m` : text;
}
export function green(text: string): string {
  return color ? `\x1b[32m${text}\x1b[0m` : text;
}

/** Seconds with one decimal, for people. */
export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/** Runs one step and prints its title before and its time after. A step that fails says so on the same line. */
export async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  process.stdout.write(`${title} ... `);
  try {
    const result = await work();
    process.stdout.write(`${dim(seconds(performance.now() - started))}\n`);
    return result;
  } catch (error) {
    process.stdout.write(`${red("failed")} after ${seconds(performance.now() - started)}\n`);
    throw error;
  }
}
