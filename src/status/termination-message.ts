import { ANNOTATION_TERMINATION_PATH, ANNOTATION_TERMINATION_POLICY } from "../model/names.ts";
import type { ContainerStatus } from "../model/runtime.ts";

/** Bytes to read from the end of a container's message file. */
export const MESSAGE_FILE_BYTES = 4096;
/** What stands in for an empty file: so many lines of the log, and no more than so many bytes of them. */
export const MESSAGE_LOG = { lines: 80, bytes: 2048 } as const;
/** All messages of a pod together. */
const POD_MESSAGE_BYTES = 12 * 1024;

export type MessageFile =
  | { readonly kind: "absent" }
  | { readonly kind: "content"; readonly bytes: Uint8Array }
  | { readonly kind: "unreadable"; readonly path: string; readonly why: string };

/** Where on the node an ended container left its last words; undefined when it has no such file. */
export function messageFileOf(container: ContainerStatus): string | undefined {
  const path = container.annotations[ANNOTATION_TERMINATION_PATH];
  if (!path) return undefined;
  const inside = path.startsWith("/") ? path : `/${path}`;
  return container.mounts.find(({ containerPath }) => containerPath === inside)?.hostPath;
}

/** The last words themselves, or that the end of the log stands in for them. */
export function terminationMessage(
  container: Pick<ContainerStatus, "annotations" | "exitCode" | "reason">,
  file: MessageFile,
): { readonly kind: "text"; readonly text: string } | { readonly kind: "read-log" } {
  if (file.kind === "unreadable") {
    return { kind: "text", text: `Error on reading termination log ${file.path}: ${file.why}` };
  }
  const text = file.kind === "absent" ? "" : lastBytes(file.bytes, MESSAGE_FILE_BYTES);
  // What could not even start has no log.
  const fallsBack =
    container.annotations[ANNOTATION_TERMINATION_POLICY] === "FallbackToLogsOnError" &&
    container.exitCode !== 0 &&
    container.reason !== "ContainerCannotRun";
  return text === "" && fallsBack ? { kind: "read-log" } : { kind: "text", text };
}

/** The end of a log as a message. */
export function logMessage(log: string): string {
  const lines = log.split(/(?<=\n)/).slice(-MESSAGE_LOG.lines);
  return lastBytes(new TextEncoder().encode(lines.join("")), MESSAGE_LOG.bytes);
}

/** What the runtime said and what the container said, cut to this container's share of the pod's bytes. */
export function wholeMessage(runtime: string, own: string, containers: number): string {
  const whole = runtime !== "" && own !== "" ? `${runtime}: ${own}` : runtime + own;
  const bytes = new TextEncoder().encode(whole);
  const share = Math.floor(POD_MESSAGE_BYTES / Math.max(containers, 1));
  if (bytes.length <= share) return whole;
  let end = share;
  while (isContinuation(bytes[end])) end--;
  return new TextDecoder().decode(bytes.subarray(0, end));
}

/** Whole characters only: a cut one would show as garbage. */
function lastBytes(bytes: Uint8Array, limit: number): string {
  if (bytes.length <= limit) return new TextDecoder().decode(bytes);
  let start = bytes.length - limit;
  while (isContinuation(bytes[start])) start++;
  return new TextDecoder().decode(bytes.subarray(start));
}

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;
