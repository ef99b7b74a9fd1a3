import { KubeletError } from "../../base/fault.ts";
import { type Millis, seconds } from "../../base/units.ts";
import type { Status } from "../../model/kubernetes.ts";

/** What HTTP's own codes mean where no Status comes with them. */
const REASONS: { readonly [status: number]: string } = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  409: "Conflict",
  410: "Gone",
  413: "RequestEntityTooLarge",
  415: "UnsupportedMediaType",
  422: "Invalid",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
  504: "Timeout",
};
const MOST_TEXT = 2000;

export interface Refused {
  /** Reads after "API server refused to". */
  readonly action: string;
  /** 0: an ERROR event of a watch, that has it in its Status. */
  readonly status: number;
  readonly retryAfterHeader?: string | undefined;
  /** The body, decoded where it is JSON. */
  readonly body: unknown;
}

export function refusalOf({ action, status, retryAfterHeader, body }: Refused): KubeletError {
  const said: Status = isStatus(body) ? body : {};
  const code = status || (typeof said.code === "number" ? said.code : 500);
  const reason = textOr(said.reason, REASONS[code] ?? "");
  const text = textOr(said.message, typeof body === "string" ? body.trim() : "") || "it gave no reason";
  const retryAfter = secondsOf(retryAfterHeader) ?? secondsOf(said.details?.retryAfterSeconds);
  const shown = printable(text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT)}…` : text);
  return new KubeletError(`API server refused to ${action}: ${shown} (${code}${reason === "" ? "" : ` ${reason}`})`, {
    code: "api-refused",
    status: code,
    reason,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  });
}

const isStatus = (body: unknown): body is Status =>
  typeof body === "object" && body !== null && (body as Status).kind === "Status";

const textOr = (value: unknown, fallback: string): string =>
  typeof value === "string" && value !== "" ? value : fallback;

/** Whole seconds, as client-go takes it; a date is not meant for machines without the right time. */
function secondsOf(value: unknown): Millis | undefined {
  const text = `${value ?? ""}`;
  return /^\d{1,9}$/.test(text) && Number(text) > 0 ? seconds(Number(text)) : undefined;
}

/** Without what could move a terminal's cursor. */
const printable = (text: string): string => text.replace(/\p{Cc}+/gu, " ");
