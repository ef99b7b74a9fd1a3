import type { Report } from "./check.ts";
import { headerName, notNegative, oneOf, portNumber, portNumberOrName, quote } from "./check.ts";
import type { Container, HTTPGetAction, LifecycleHandler, PodSpec, Probe } from "./kubernetes.ts";

const KINDS = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"] as const;
const STOP_SIGNALS =
  /^SIG(ABRT|ALRM|BUS|CHLD|CLD|CONT|FPE|HUP|ILL|INT|IO|IOT|KILL|PIPE|POLL|PROF|PWR|QUIT|SEGV|STKFLT|STOP|SYS|TERM|TRAP|TSTP|TTIN|TTOU|URG|USR1|USR2|VTALRM|WINCH|XCPU|XFSZ|RTMIN(\+([1-9]|1[0-5]))?|RTMAX(-([1-9]|1[0-4]))?)$/;
type Handler = LifecycleHandler & Pick<Probe, "grpc">;

/** Probes and hooks of a regular container or sidecar. */
export function validateProbesAndHooks(report: Report, path: string, container: Container, spec: PodSpec): void {
  const grace = spec.terminationGracePeriodSeconds;
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container;
  if (livenessProbe) probe(report, `${path}.livenessProbe`, livenessProbe, "once");
  if (readinessProbe) probe(report, `${path}.readinessProbe`, readinessProbe, "often");
  if (startupProbe) probe(report, `${path}.startupProbe`, startupProbe, "once");
  if (lifecycle?.postStart) handler(report, `${path}.lifecycle.postStart`, lifecycle.postStart, grace);
  if (lifecycle?.preStop) handler(report, `${path}.lifecycle.preStop`, lifecycle.preStop, grace);
  if (lifecycle?.stopSignal !== undefined)
    stopSignal(report, `${path}.lifecycle.stopSignal`, lifecycle.stopSignal, spec);
}

/** Init containers that end before the next begins have none of these. */
export function refuseProbesAndHooks(report: Report, path: string, container: Container): void {
  for (const field of ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle"] as const)
    if (container[field])
      report(`${path}.${field}`, 'must not be set for an init container without restartPolicy "Always"');
}

function probe(report: Report, path: string, given: Probe, success: "once" | "often"): void {
  handler(report, path, given, undefined);
  for (const field of [
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
  ] as const)
    notNegative(report, `${path}.${field}`, given[field]);
  if (success === "once" && given.successThreshold !== undefined && given.successThreshold !== 1)
    report(`${path}.successThreshold`, `must be 1, is ${given.successThreshold}`);
  const grace = given.terminationGracePeriodSeconds;
  if (grace === undefined) return;
  const at = `${path}.terminationGracePeriodSeconds`;
  if (success === "often") report(at, "must not be set for a readiness probe: it stops nothing");
  else if (grace <= 0) report(at, `must be more than 0, is ${grace}`);
}

function handler(report: Report, path: string, given: Handler, grace: number | undefined): void {
  const [first, ...more] = KINDS.filter((kind) => given[kind] !== undefined);
  if (first === undefined) report(path, "must have one of exec, httpGet, tcpSocket, grpc, sleep");
  for (const kind of more) report(`${path}.${kind}`, `must not be set beside ${first}: keep one`);
  if (given.exec && !given.exec.command?.length) report(`${path}.exec.command`, "is required");
  if (given.httpGet) httpGet(report, `${path}.httpGet`, given.httpGet);
  if (given.tcpSocket) portNumberOrName(report, `${path}.tcpSocket.port`, given.tcpSocket.port);
  if (given.grpc) portNumber(report, `${path}.grpc.port`, given.grpc.port);
  if (given.sleep && grace !== undefined && (given.sleep.seconds < 0 || given.sleep.seconds > grace))
    report(
      `${path}.sleep.seconds`,
      `must be from 0 to terminationGracePeriodSeconds (${grace}), is ${given.sleep.seconds}`,
    );
}

function httpGet(report: Report, path: string, given: HTTPGetAction): void {
  portNumberOrName(report, `${path}.port`, given.port);
  oneOf(report, `${path}.scheme`, given.scheme, ["HTTP", "HTTPS"]);
  for (const [index, header] of (given.httpHeaders ?? []).entries())
    headerName(report, `${path}.httpHeaders[${index}].name`, header.name);
}

function stopSignal(report: Report, path: string, signal: string, spec: PodSpec): void {
  if (spec.os === undefined) report(path, "must not be set without spec.os.name: set that to linux");
  else if (!STOP_SIGNALS.test(signal)) report(path, `must be a signal like SIGTERM, is ${quote(signal)}`);
}
