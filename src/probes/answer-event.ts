import { unreachable } from "../base/fault.ts";
import type { Container, Pod } from "../model/kubernetes.ts";
import { containerSubject } from "../model/subject.ts";
import type { EventRecord } from "../ports/events.ts";
import type { Answer } from "./ask.ts";
import { KIND_TEXT, type ProbeKind } from "./kind.ts";

/** What is told of an answer, in upstream's words; nothing of a plain success. */
export function answerEvent(pod: Pod, { name }: Container, kind: ProbeKind, answer: Answer): EventRecord | undefined {
  const probe = `${KIND_TEXT[kind]} probe`;
  const warning = (reason: string, message: string): EventRecord => ({
    type: "Warning",
    reason,
    message,
    about: containerSubject(pod, name),
  });
  switch (answer.kind) {
    case "success":
      return undefined;
    case "warning":
      return warning("ProbeWarning", `${probe} warning: ${answer.output}`);
    case "failure":
      return warning("Unhealthy", `${probe} failed: ${answer.output}`);
    case "error":
      return warning("Unhealthy", `${probe} errored and resulted in unknown state: ${answer.output}`);
    default:
      return unreachable(answer.kind);
  }
}
