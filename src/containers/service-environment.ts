import type { Service, ServicePort } from "../model/kubernetes.ts";

/**
 * Variables that tell a container of services, as upstream and docker links named them. A service without an address of its own is not
 * told of. Of two with the same name the first counts.
 */
export function serviceEnvironment(services: readonly Service[]): ReadonlyMap<string, string> {
  const byName = new Map<string, Service>();
  for (const service of services) {
    const name = service.metadata?.name ?? "";
    if (hasAddress(service) && !byName.has(name)) byName.set(name, service);
  }
  return new Map([...byName].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, service]) => variablesOf(service)));
}

const hasAddress = ({ spec }: Service): boolean =>
  typeof spec?.clusterIP === "string" && spec.clusterIP !== "" && spec.clusterIP !== "None";

function variablesOf({ metadata, spec }: Service): readonly (readonly [name: string, value: string])[] {
  const prefix = variableName(metadata?.name ?? "");
  const address = spec?.clusterIP ?? "";
  const ports = spec?.ports ?? [];
  const [first] = ports;
  if (!first) return [];
  return [
    [`${prefix}_SERVICE_HOST`, address],
    [`${prefix}_SERVICE_PORT`, `${first.port}`],
    ...ports.flatMap(({ name, port }) =>
      name ? [[`${prefix}_SERVICE_PORT_${variableName(name)}`, `${port}`] as const] : [],
    ),
    [`${prefix}_PORT`, urlOf(address, first)],
    ...ports.flatMap((port) => linkVariables(prefix, address, port)),
  ];
}

function linkVariables(prefix: string, address: string, port: ServicePort) {
  const protocol = protocolOf(port);
  const name = `${prefix}_PORT_${port.port}_${protocol.toUpperCase()}`;
  return [
    [name, urlOf(address, port)],
    [`${name}_PROTO`, protocol],
    [`${name}_PORT`, `${port.port}`],
    [`${name}_ADDR`, address],
  ] as const;
}

const urlOf = (address: string, port: ServicePort): string =>
  `${protocolOf(port)}://${address.includes(":") ? `[${address}]` : address}:${port.port}`;

const protocolOf = ({ protocol }: ServicePort): string => (protocol || "TCP").toLowerCase();

const variableName = (name: string): string => name.replaceAll("-", "_").toUpperCase();
