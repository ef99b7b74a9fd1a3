import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { KubeletError, messageOf } from "../../base/fault.ts";
import type { HttpListener, TcpAddress } from "../../ports/http-server.ts";
import { limitNewcomers } from "./newcomers.ts";
import { holderOfPort } from "./port-holder.ts";

/** Limits of every listener. Responses may last for hours (a followed log); what a client has to say may not. */
export const LIMITS = {
  maxHeaderSize: 1024 * 1024,
  keepAliveTimeout: 90_000,
  headersTimeout: 30_000,
  requestTimeout: 60_000,
  /** Dead peers of a quiet stream are found by TCP. */
  keepAlive: true,
  keepAliveInitialDelay: 30_000,
} as const;
/** Without those that were upgraded. */
export const MAX_CONNECTIONS = 1000;

/** `endUpgraded` ends the connections that the server does not know any more. @throws KubeletError `start-refused` */
export async function listenOnPort(server: Server, at: TcpAddress, endUpgraded: () => void): Promise<HttpListener> {
  server.maxConnections = MAX_CONNECTIONS;
  limitNewcomers(server, MAX_CONNECTIONS / 2);
  try {
    server.listen({ host: at.host, port: at.port });
    await once(server, "listening");
  } catch (error) {
    throw await refusal(at, error);
  }
  const { port } = server.address() as AddressInfo;
  return listenerOf(server, `${at.host.includes(":") ? `[${at.host}]` : at.host}:${port}`, endUpgraded);
}

export function listenerOf(
  server: Server,
  address: string,
  endUpgraded: () => void,
  cleanUp: () => Promise<void> = async () => {},
): HttpListener {
  // Errors of single connections must not end the process; those of listening were waited for.
  server.on("error", () => {});
  return {
    address,
    async [Symbol.asyncDispose]() {
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      server.closeAllConnections();
      endUpgraded();
      await promise;
      await cleanUp();
    },
  };
}

async function refusal({ host, port }: TcpAddress, error: unknown): Promise<KubeletError> {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const what = `port ${port}`;
  if (code !== "EADDRINUSE") {
    return new KubeletError(
      `Cannot listen on ${host}:${port}: ${messageOf(error)}`,
      { code: "start-refused", what },
      { cause: error },
    );
  }
  const holder = await holderOfPort(port);
  const by = holder === undefined ? "is taken" : `is taken by process ${holder.pid} (${holder.name})`;
  return new KubeletError(
    `Cannot listen on ${host}:${port}: the port ${by}; stop that process or choose another port`,
    { code: "start-refused", what },
    { cause: error },
  );
}
