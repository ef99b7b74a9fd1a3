import { lstatSync, readdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { KubeletError, messageOf } from "../../base/fault.ts";

/** Where runtimes listen by themselves, in the order in which they are looked for. */
export const USUAL_SOCKETS: readonly string[] = [
  "/run/containerd/containerd.sock",
  "/var/run/crio/crio.sock",
  "/run/cri-dockerd.sock",
  "/var/run/cri-dockerd.sock",
];

/** A runtime socket that nobody named, and whose pods it holds. */
export interface FoundSocket {
  readonly path: string;
  readonly sandboxes:
    | { readonly kind: "listed"; readonly podUids: readonly string[] }
    | { readonly kind: "failed"; readonly reason: string };
}

export interface EndpointInput {
  /** `--container-runtime-endpoint`, undefined when not given. Upstream's default is not "given". */
  readonly flag: string | undefined;
  /** `containerRuntimeEndpoint` of the file or a drop-in, undefined or empty when absent. */
  readonly file: string | undefined;
  readonly found: readonly FoundSocket[];
  /** Names below `<rootDir>/pods`: pods that this kubelet has had. */
  readonly ownPodUids: ReadonlySet<string>;
}

export type EndpointChoice =
  | { readonly kind: "embedded" }
  | { readonly kind: "given"; readonly endpoint: string }
  | { readonly kind: "found"; readonly endpoint: string };

/**
 * Which runtime to use. A kubelet removes every sandbox that is not its own, so a socket that was merely found is used only when
 * nothing on it can belong to another node agent.
 *
 * @throws KubeletError `start-refused` that names both remedies
 */
export function chooseEndpoint({ flag, file, found, ownPodUids }: EndpointInput): EndpointChoice {
  const named = flag || file;
  if (named === "embedded") return { kind: "embedded" };
  if (named) return { kind: "given", endpoint: named };
  const [first] = found;
  if (!first) return { kind: "embedded" };
  const endpoint = `unix://${first.path}`;
  const problem = foreignness(first, ownPodUids);
  if (problem === undefined) return { kind: "found", endpoint };
  throw new KubeletError(
    `Cannot choose container runtime: ${first.path} was found, not given, and ${problem}. ` +
      `Use --container-runtime-endpoint=${endpoint} to take it over (pods that are not this kubelet's will be removed), ` +
      "or --container-runtime-endpoint=embedded to run a private containerd",
    { code: "start-refused", what: "container runtime endpoint" },
  );
}

function foreignness({ sandboxes }: FoundSocket, own: ReadonlySet<string>): string | undefined {
  if (sandboxes.kind === "failed") return `its pods cannot be listed (${sandboxes.reason})`;
  const foreign = sandboxes.podUids.filter((uid) => !own.has(uid));
  if (foreign.length === 0) return undefined;
  const shown = foreign.slice(0, 3).join(", ") + (foreign.length > 3 ? ", …" : "");
  return `it holds ${foreign.length} pod sandbox${foreign.length > 1 ? "es" : ""} of another node agent (pod UID ${shown})`;
}

/** Looks the world over for `chooseEndpoint`, only as far as the answer depends on it. `listPodUids`: CRI ListPodSandbox over a fresh connection. */
export async function discoverEndpoint(
  options: { readonly rootDir: string; readonly flag: string | undefined; readonly file: string | undefined },
  listPodUids: (endpoint: string, signal: AbortSignal) => Promise<readonly string[]>,
  signal: AbortSignal,
  usual: readonly string[] = USUAL_SOCKETS,
): Promise<EndpointChoice> {
  const { flag, file, rootDir } = options;
  const path = flag || file ? undefined : firstSocket(usual);
  const found: FoundSocket[] = [];
  if (path !== undefined) {
    try {
      found.push({ path, sandboxes: { kind: "listed", podUids: await listPodUids(`unix://${path}`, signal) } });
    } catch (error) {
      signal.throwIfAborted();
      found.push({ path, sandboxes: { kind: "failed", reason: messageOf(error) } });
    }
  }
  return chooseEndpoint({ flag, file, found, ownPodUids: new Set(namesIn(join(rootDir, "pods"))) });
}

const firstSocket = (paths: readonly string[]): string | undefined =>
  paths.find((path) => {
    try {
      return lstatSync(realpathSync(path)).isSocket();
    } catch {
      return false;
    }
  });

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
