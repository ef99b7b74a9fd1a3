export { type BoardDeps, type PodReport, type Posted, StatusBoard } from "./board.ts";
export { computePodStatus, type StatusInput } from "./compute.ts";
export type { StartFailure } from "./container-status.ts";
export type { Phase } from "./phase.ts";
export {
  logMessage,
  MESSAGE_FILE_BYTES,
  MESSAGE_LOG,
  type MessageFile,
  messageFileOf,
  terminationMessage,
} from "./termination-message.ts";
