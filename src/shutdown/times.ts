/** When the last graceful shutdown began and ended, in milliseconds since the epoch; undefined: never, or not yet. */
export interface ShutdownTimes {
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
}

export const STATE_FILE = "graceful_node_shutdown_state";
/** Go's zero time. */
const NEVER = "0001-01-01T00:00:00Z";

/** The content of upstream's state file. */
export const encodeTimes = ({ startedAt, endedAt }: ShutdownTimes): string =>
  JSON.stringify({ startTime: timeText(startedAt), endTime: timeText(endedAt) });

/** undefined: the text is none. */
export function decodeTimes(text: string): ShutdownTimes | undefined {
  try {
    const { startTime, endTime } = JSON.parse(text);
    return { startedAt: timeOf(startTime), endedAt: timeOf(endTime) };
  } catch {
    return undefined;
  }
}

const timeText = (at: number | undefined): string => (at === undefined ? NEVER : new Date(at).toISOString());

function timeOf(text: unknown): number | undefined {
  const at = typeof text === "string" ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) || at <= Date.parse(NEVER) ? undefined : at;
}
