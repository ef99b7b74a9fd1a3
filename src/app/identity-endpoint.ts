import { messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import type { Kubeconfig } from "../kube/index.ts";
import type { Files } from "../ports/files.ts";
import type { ApiEndpoint } from "../ports/kube-api.ts";
import { endpointOf } from "./identity-files.ts";

/**
 * The API server of a kubeconfig; after its CA file has changed another object, for connections from then on. A CA that can't be read is
 * said, and the last good one stays. @throws KubeletError `config-invalid`, `file-failed` when it can't be read at first
 */
export async function followedEndpoint(
  kubeconfig: Kubeconfig,
  deps: { readonly files: Files; readonly log: Log },
  signal: AbortSignal,
): Promise<() => ApiEndpoint> {
  const { files, log } = deps;
  let endpoint = await endpointOf(kubeconfig, files);
  const { ca } = kubeconfig.cluster;
  if (ca !== undefined && "file" in ca) void follow(ca.file);
  return () => endpoint;

  async function follow(path: string): Promise<void> {
    try {
      for await (const _ of files.watch(path, signal)) await reload(path);
    } catch (error) {
      if (!signal.aborted)
        log.error("Failed to watch CA file, changes of it are not seen", { path, err: messageOf(error) });
    }
  }

  async function reload(path: string): Promise<void> {
    try {
      const fresh = await endpointOf(kubeconfig, files);
      if (fresh.ca === endpoint.ca) return;
      endpoint = fresh;
      log.info("CA of the API server reloaded", { path });
    } catch (error) {
      log.error("Failed to reload CA file, keeping the last one", { path, err: messageOf(error) });
    }
  }
}
