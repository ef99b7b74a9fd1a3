import { KubeletError } from "../../base/fault.ts";

/** Where a runtime listens: `path` of the socket, `url` as shown to people, and whether the old form without a scheme was used. */
export interface Endpoint {
  readonly path: string;
  readonly url: string;
  readonly bare: boolean;
}

/**
 * Reads `unix:///run/containerd/containerd.sock`, `unix:/run/…` and, as upstream still does, a bare path.
 * @throws KubeletError `config-invalid` naming `field` for anything else
 */
export function parseEndpoint(text: string, field: string): Endpoint {
  const match = /^(?:unix:(?:\/\/)?)?(\/(?!\/)[^\0]+)$/.exec(text);
  const path = match?.[1];
  if (path === undefined) {
    const message = `need a Unix socket such as unix:///run/containerd/containerd.sock, got ${JSON.stringify(text)}`;
    throw new KubeletError(`Cannot use ${field}: ${message}`, {
      code: "config-invalid",
      problems: [{ field, message }],
    });
  }
  return { path, url: `unix://${path}`, bare: text === path };
}
