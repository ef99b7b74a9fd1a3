import { dirname, resolve } from "node:path";
import { openCredentials } from "../adapters/kube/credentials.ts";
import { untilAborted } from "../base/abort.ts";
import { KubeletError, messageOf } from "../base/fault.ts";
import type { Log } from "../base/log.ts";
import {
  CLIENT_SIGNER,
  CLIENT_USAGES,
  clientCredentials,
  clientWish,
  PairFiles,
  Rotation,
  type RotationListener,
} from "../certificates/index.ts";
import { type Kubeconfig, kubeconfigText } from "../kube/index.ts";
import { type KeyPair, readKeyPair } from "../model/certificate.ts";
import type { Clock } from "../ports/clock.ts";
import type { Files } from "../ports/files.ts";
import type { Keys } from "../ports/keys.ts";
import type { ApiEndpoint, CredentialSource, KubeApi } from "../ports/kube-api.ts";
import type { Random } from "../ports/random.ts";
import { followedEndpoint } from "./identity-endpoint.ts";
import { certificateFiles, endpointOf, loadKubeconfig, pemText, whyBootstrap } from "./identity-files.ts";

export interface IdentityOptions {
  /** --kubeconfig, not empty. */
  readonly kubeconfig: string;
  /** --bootstrap-kubeconfig; "": none. */
  readonly bootstrapKubeconfig: string;
  readonly certDir: string;
  readonly nodeName: string;
  readonly rotateCertificates: boolean;
}

export interface IdentityDeps {
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly keys: Keys;
  readonly listener: RotationListener;
  /** A connection of its own, which is closed when a certificate was asked for. */
  connect(endpoint: () => ApiEndpoint, credentials: CredentialSource): KubeApi & AsyncDisposable;
}

/** Who the node is to the API server. */
export interface Identity {
  /** The same object as before as long as nothing has changed. */
  readonly endpoint: () => ApiEndpoint;
  readonly credentials: CredentialSource;
  /** Resolves when there are credentials to ask with: at once, but for a node that waits for its first certificate. */
  readonly ready: Promise<void>;
  /** Why there are none, or none for later: for events, `kubelet why`, readiness. */
  readonly trouble: () => string | undefined;
  /** When the client certificate that is kept good here expires; undefined: none is. */
  readonly expiresAt: () => Date | undefined;
  /** Bootstrap and renewal. Rejects with KubeletError `start-refused` when the kubelet is to end and start anew, or with `signal.reason`. */
  run(signal: AbortSignal): Promise<never>;
}

/**
 * Finds out how the node proves who it is, as upstream does: by the kubeconfig; where that is absent or its client certificate no good, and
 * there is a bootstrap kubeconfig, by a certificate that is asked for with that; with rotateCertificates by a certificate that is renewed.
 * Nothing is asked of the API server before `run`. `signal` ends what watches credential files.
 *
 *     const identity = await openIdentity(…, deps, signal);
 *     const api = connectKubeApi(identity.endpoint, identity.credentials, …);
 *     await Promise.race([identity.run(signal), identity.ready.then(() => node.run(signal))]);
 *
 * @throws KubeletError `config-invalid`, `start-refused`, `file-failed`, `api-unavailable`: what is wrong with the files, in words
 */
export async function openIdentity(
  options: IdentityOptions,
  deps: IdentityDeps,
  signal: AbortSignal,
): Promise<Identity> {
  const { log } = deps;
  const chosen = await choose(options, deps);
  for (const warning of chosen.kubeconfig.warnings) log.warn(warning);
  const endpoint = await followedEndpoint(chosen.kubeconfig, deps, signal);
  if (options.rotateCertificates || chosen.bootstraps) return certified({ ...chosen, endpoint }, options, deps);
  const { user } = chosen.kubeconfig;
  const credentials = openCredentials(user, endpoint(), deps, signal);
  // What the kubeconfig names must be there. A plugin is not run before it is needed.
  if (user.exec === undefined) await credentials.current(signal);
  return {
    endpoint,
    credentials,
    ready: Promise.resolve(),
    trouble: () => undefined,
    expiresAt: () => undefined,
    run: untilAborted,
  };
}

interface Chosen {
  /** The one to use, or the bootstrap one. */
  readonly kubeconfig: Kubeconfig;
  readonly bootstraps: boolean;
}

async function choose({ kubeconfig, bootstrapKubeconfig }: IdentityOptions, deps: IdentityDeps): Promise<Chosen> {
  const reason = bootstrapKubeconfig === "" ? undefined : await whyBootstrap(kubeconfig, deps);
  if (reason === undefined)
    return { kubeconfig: await loadKubeconfig(kubeconfig, "--kubeconfig", deps.files), bootstraps: false };
  deps.log.info("Asking for a client certificate with the bootstrap kubeconfig", { path: bootstrapKubeconfig, reason });
  const bootstrap = await loadKubeconfig(
    bootstrapKubeconfig,
    `--bootstrap-kubeconfig, needed because ${reason}`,
    deps.files,
  );
  return { kubeconfig: bootstrap, bootstraps: true };
}

type Asker = Pick<Identity, "endpoint" | "credentials">;

/** An identity by a certificate that is kept good. */
async function certified(
  { kubeconfig, bootstraps, endpoint }: Chosen & Pick<Identity, "endpoint">,
  options: IdentityOptions,
  deps: IdentityDeps,
): Promise<Identity> {
  const { files } = deps;
  const directory = resolve(options.certDir);
  const others = bootstraps ? [] : certificateFiles(kubeconfig.user);
  const pairs = new PairFiles({ directory, prefix: "kubelet-client", others }, deps);
  const writeKubeconfig = async () => {
    const path = resolve(options.kubeconfig);
    await files.makeDirectory(dirname(path), 0o755);
    await files.writeAtomic(path, await kubeconfigText(kubeconfig.cluster, pairs.currentPath), 0o600);
  };
  const rotation = new Rotation(
    {
      what: "Client certificate",
      signer: CLIENT_SIGNER,
      usages: CLIENT_USAGES,
      wish: () => clientWish(options.nodeName),
      renews: options.rotateCertificates,
      firstKeyFile: `${directory}/kubelet-client.key.tmp`,
      endsWithout: true,
    },
    {
      ...deps,
      pairs,
      async withApi(current, use, signal) {
        const life = new AbortController();
        try {
          const asker = current === undefined ? await first(AbortSignal.any([signal, life.signal])) : own;
          await using api = deps.connect(asker.endpoint, asker.credentials);
          return await use(api);
        } finally {
          life.abort();
        }
      },
    },
  );
  const own: Asker = { endpoint, credentials: clientCredentials(rotation, endpoint().server) };

  /** As whom a node without a good certificate asks: by the bootstrap kubeconfig of now, else as the kubeconfig says. */
  async function first(signal: AbortSignal): Promise<Asker> {
    const { bootstrapKubeconfig: path } = options;
    const isThere = path !== "" && (await files.statFollow(path)) !== undefined;
    const asker = isThere ? await loadKubeconfig(path, "--bootstrap-kubeconfig", files) : kubeconfig;
    const at = await endpointOf(asker, files);
    return { endpoint: () => at, credentials: openCredentials(asker.user, at, deps, signal) };
  }

  // Without rotation what lies in the directory is an old one: it would never be exchanged.
  if (!bootstraps) await rotation.load(await inlinePair(kubeconfig, files));
  else if (options.rotateCertificates) await rotation.load();
  // As upstream: who waits for the kubeconfig (kubeadm does) finds the certificate missing until it is there.
  if (bootstraps && options.rotateCertificates) await writeKubeconfig();
  const written = bootstraps && !options.rotateCertificates ? rotation.ready.then(writeKubeconfig) : rotation.ready;
  written.catch(() => {});
  return {
    ...own,
    ready: written,
    trouble: () => rotation.trouble,
    expiresAt: () => rotation.expiresAt,
    run: (signal) => Promise.race([rotation.run(signal), failed(written)]),
  };
}

/** A pair that stands in the kubeconfig itself. */
async function inlinePair({ user: { certificate }, path }: Kubeconfig, files: Files): Promise<KeyPair | undefined> {
  if (certificate === undefined || ("file" in certificate.cert && "file" in certificate.key)) return undefined;
  const [cert, key] = [await pemText(certificate.cert, files), await pemText(certificate.key, files)];
  try {
    return readKeyPair(cert ?? "", key ?? "");
  } catch (error) {
    const problem = { field: "client-certificate", message: messageOf(error) };
    throw new KubeletError(`Cannot use kubeconfig ${path}: the user's client-certificate ${problem.message}`, {
      code: "config-invalid",
      problems: [problem],
    });
  }
}

const failed = (work: Promise<unknown>): Promise<never> => work.then(() => new Promise<never>(() => {}));
