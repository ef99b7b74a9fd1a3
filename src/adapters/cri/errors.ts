import { isFault, KubeletError } from "../../base/fault.ts";

/** What was tried, for the message and the fault. */
export interface Attempt {
  /** CRI's name of the call. */
  readonly call: string;
  /** What a person would say: `create container "web"`. */
  readonly action: string;
  /** What the call was about, where a "not found" can only mean that. */
  readonly id?: string;
}

/** gRPC status as the client library reports it. */
export interface GrpcFailure {
  readonly code: number;
  readonly details: string;
}

const NAMES = [
  "OK",
  "Cancelled",
  "Unknown",
  "InvalidArgument",
  "DeadlineExceeded",
  "NotFound",
  "AlreadyExists",
  "PermissionDenied",
  "ResourceExhausted",
  "FailedPrecondition",
  "Aborted",
  "OutOfRange",
  "Unimplemented",
  "Internal",
  "Unavailable",
  "DataLoss",
  "Unauthenticated",
];

export const isGrpcFailure = (error: unknown): error is Error & GrpcFailure =>
  error instanceof Error && "code" in error && typeof error.code === "number" && "details" in error;

/** Status name as Go prints it. */
export const statusName = (code: number): string => NAMES[code] ?? `Code(${code})`;

export function faultOf(error: Error & GrpcFailure, attempt: Attempt, endpoint: string): KubeletError {
  const { call, action, id } = attempt;
  const text = plainText(error);
  const options = { cause: error };
  switch (statusName(error.code)) {
    case "Unavailable":
      return new KubeletError(
        `Cannot ${action}: container runtime at ${endpoint} does not answer: ${text}`,
        { code: "runtime-unavailable", endpoint },
        options,
      );
    case "DeadlineExceeded":
      return new KubeletError(
        `Cannot ${action}: container runtime did not answer in time: ${text}`,
        { code: "runtime-timeout", call },
        options,
      );
    case "Unimplemented":
      return unimplemented(attempt, endpoint, options);
    case "NotFound":
      return new KubeletError(
        `Cannot ${action}: ${text}`,
        { code: "runtime-not-found", call, id: id ?? "", text },
        options,
      );
    case "Unknown":
      // cri-dockerd passes Docker's text on without a code.
      if (id !== undefined && /no such (container|image)/i.test(text)) {
        return new KubeletError(`Cannot ${action}: ${text}`, { code: "runtime-not-found", call, id, text }, options);
      }
      return refused(attempt, "Unknown", text, options);
    default:
      return refused(attempt, statusName(error.code), text, options);
  }
}

/** What the runtime said, or why it could not be asked: the client library wraps that into words of its own. */
function plainText({ details, message }: Error & GrpcFailure): string {
  const [, cause] = /Last error: (?:Error: )?(.*?)\. Resolution note:/.exec(details) ?? [];
  return cause ?? (details === "" ? message : details);
}

export const unimplemented = ({ call, action }: Attempt, endpoint: string, options?: ErrorOptions): KubeletError =>
  new KubeletError(
    `Cannot ${action}: container runtime at ${endpoint} has no ${call}`,
    { code: "runtime-unimplemented", call },
    options,
  );

/** An answer that CRI does not allow: nothing that builds on it can be right. */
export const badAnswer = (attempt: Attempt, problem: string): KubeletError =>
  refused(attempt, "InvalidAnswer", `container runtime answered ${problem}`);

function refused({ call, action }: Attempt, status: string, text: string, options?: ErrorOptions): KubeletError {
  return new KubeletError(`Cannot ${action}: ${text}`, { code: "runtime-refused", call, status, text }, options);
}

/** Stop and remove are idempotent: what is not there any more needs no stopping. */
export async function goneIsFine(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isFault(error, "runtime-not-found")) throw error;
  }
}
