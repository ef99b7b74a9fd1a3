import { join } from "node:path";
import { messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import type { RegistryAuth } from "../model/runtime.ts";
import type { Files } from "../ports/files.ts";
import { type Auths, credentialsFor, parseDockerConfig } from "./credentials.ts";
import { parseImage } from "./reference.ts";

const MAX_BYTES = 10 * 1024 * 1024;

export interface CredentialPlaces {
  /** The kubelet's root directory. */
  readonly rootDir: string;
  readonly homeDir: string | undefined;
}

/** Reads the node's docker client files anew for each pull: the first `config.json` that is valid, else the first `.dockercfg`. */
export function nodeCredentials(
  { rootDir, homeDir }: CredentialPlaces,
  files: Pick<Files, "read">,
  log: Log,
): (image: string) => Promise<readonly RegistryAuth[]> {
  const homes = homeDir === undefined ? [] : [homeDir];
  const places = [
    ...[rootDir, ...[...homes, "/"].map((home) => join(home, ".docker"))].map((directory) => ({
      path: join(directory, "config.json"),
      kind: "config.json" as const,
    })),
    ...[rootDir, ...homes, "/"].map((directory) => ({
      path: join(directory, ".dockercfg"),
      kind: ".dockercfg" as const,
    })),
  ];
  return async (image) => {
    const reference = parseImage(image);
    if (typeof reference === "string") return [];
    for (const { path, kind } of places) {
      const auths = await readAuths(path, kind, files, log);
      if (auths) return credentialsFor(reference, auths).map(({ email: _, ...auth }) => auth);
    }
    return [];
  };
}

async function readAuths(
  path: string,
  kind: "config.json" | ".dockercfg",
  files: Pick<Files, "read">,
  log: Log,
): Promise<Auths | undefined> {
  try {
    const bytes = await files.read(path, MAX_BYTES);
    if (!bytes) return undefined;
    const { auths, problems } = parseDockerConfig(new TextDecoder().decode(bytes), kind);
    if (problems.length > 0) log.warn("Left out entries of the registry credentials file", { path, problems });
    return auths;
  } catch (error) {
    log.warn("Cannot use registry credentials file", { path, err: messageOf(error) });
    return undefined;
  }
}
