import { Expansion } from "../model/expand.ts";
import type { Container, HTTPGetAction, HTTPHeader, Probe } from "../model/kubernetes.ts";
import type { HttpProbe } from "../ports/probing.ts";

export type ProbeRequest =
  | { readonly kind: "exec"; readonly command: readonly string[] }
  | { readonly kind: "http"; readonly probe: HttpProbe }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "grpc"; readonly host: string; readonly port: number; readonly service: string };

const USER_AGENT = "kube-probe/1.37";

/**
 * What a probe asks, and of whom. `address`: the pod's, or the node's where the pod uses its network.
 * @throws Error in upstream's words where the probe can't be asked: a port without a number, a pod without an address
 */
export function requestOf(probe: Probe, container: Container, address: string | undefined): ProbeRequest {
  const { exec, httpGet, tcpSocket, grpc } = probe;
  if (exec) return { kind: "exec", command: staticCommand(exec.command ?? [], container) };
  if (httpGet) return { kind: "http", probe: httpRequest(httpGet, container, address) };
  if (tcpSocket) {
    const port = portOf(tcpSocket.port, container);
    return { kind: "tcp", host: tcpSocket.host || addressOf(address), port };
  }
  if (grpc) return { kind: "grpc", host: addressOf(address), port: grpc.port, service: grpc.service ?? "" };
  throw new Error(`missing probe handler for container ${container.name}`);
}

/** Only what the spec itself says of the environment: not what it takes from elsewhere, which is empty here. */
function staticCommand(command: readonly string[], { env = [] }: Container): readonly string[] {
  const values = new Map(env.map(({ name, value }) => [name, value ?? ""]));
  const expansion = new Expansion();
  return command.map((text) => expansion.expand(text, (name) => values.get(name)));
}

function httpRequest(action: HTTPGetAction, container: Container, address: string | undefined): HttpProbe {
  return {
    scheme: action.scheme?.toLowerCase() === "https" ? "https" : "http",
    host: action.host || addressOf(address),
    port: portOf(action.port, container),
    path: pathOf(action.path ?? "/"),
    headers: headersOf(action.httpHeaders ?? []),
  };
}

/** A path is sent as it is; of a whole URL only path and query, without a fragment, and what no URL may hold is escaped. */
function pathOf(given: string): string {
  const local = given.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, "").replace(/#.*$/s, "");
  const path = local.startsWith("/") ? local : `/${local}`;
  return path.toWellFormed().replace(/[^\x21-\x7e]+/g, (signs) => encodeURIComponent(signs));
}

/** An empty Accept takes ours away. */
function headersOf(given: readonly HTTPHeader[]): readonly HTTPHeader[] {
  const headers = given.map(({ name, value }) => ({ name: canonical(name), value }));
  const has = (name: string) => headers.find((header) => header.name === name);
  const accept = has("Accept");
  return [
    ...(has("User-Agent") ? [] : [{ name: "User-Agent", value: USER_AGENT }]),
    ...(accept ? [] : [{ name: "Accept", value: "*/*" }]),
    ...headers.filter(({ name }) => name !== "Accept" || accept?.value !== ""),
  ];
}

/** As Go spells header names: `x-request-id` becomes `X-Request-Id`. */
const canonical = (name: string): string => name.toLowerCase().replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());

function portOf(given: number | string, { ports = [] }: Container): number {
  const number = typeof given === "number" ? given : ports.find(({ name }) => name === given)?.containerPort;
  if (number === undefined) throw new Error(`port ${JSON.stringify(given)} not found`);
  if (number > 0 && number < 65_536) return number;
  throw new Error(`invalid port number: ${number}`);
}

function addressOf(address: string | undefined): string {
  if (address) return address;
  throw new Error("the pod has no address yet");
}
