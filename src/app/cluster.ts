import { connectKubeApi, type KubeConnection } from "../adapters/kube/index.ts";
import { createNodeFacts } from "../adapters/linux/index.ts";
import { createKeys } from "../adapters/x509/index.ts";
import { orAborted } from "../base/abort.ts";
import type { Log } from "../base/log.ts";
import type { KubeletConfig } from "../config/index.ts";
import { References } from "../kube/index.ts";
import { clientCertificateMetrics, type KubeletMetrics, restClientMetrics } from "../metrics/index.ts";
import { goArch } from "../model/node-labels.ts";
import type { Clock } from "../ports/clock.ts";
import type { Events } from "../ports/events.ts";
import type { Files } from "../ports/files.ts";
import type { ApiEndpoint, CredentialSource, KubeApi } from "../ports/kube-api.ts";
import type { Random } from "../ports/random.ts";
import type { Images, Runtime } from "../ports/runtime.ts";
import { declaredFeatures, heartbeatPatience, Registration, registrationOptions } from "../registration/index.ts";
import { EventSink } from "../reporting/index.ts";
import { type ClusterPods, openClusterPods } from "./cluster-pods.ts";
import type { NodeView } from "./core-doors.ts";
import { type Identity, openIdentity } from "./identity.ts";
import { type ServingCertificate, servingCertificate } from "./serving-certificate.ts";

export interface ClusterDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  readonly log: Log;
  readonly metrics: Pick<KubeletMetrics, "registry" | "podStatusSyncSeconds">;
}

/** What the Node object is made from, known when the core stands. */
export interface NodeParts {
  readonly events: Events;
  readonly runtime: Runtime;
  readonly images: Images;
  readonly cgroupVersion: 1 | 2;
  /** Hands the range of pod addresses on to the runtime's network. */
  readonly usePodCidr: (podCidrs: string, signal: AbortSignal) => Promise<void>;
  readonly waitsForPodCidr: boolean;
  /** What else keeps the node from running pods. */
  readonly moreProblems: () => readonly string[];
  /** Another, told after all others. */
  readonly lastProblem: () => string | undefined;
  /** Pods that waited for a network of their own may begin. */
  readonly onNetworkReady: () => void;
}

/** The API server's side of this node: who it is, its way there, what it refers to and reports. */
export interface Cluster extends Disposable {
  readonly api: KubeApi;
  readonly references: References;
  readonly pods: ClusterPods;
  readonly node: NodeView;
  /** Takes the events of the node's log. */
  readonly events: EventSink;
  /** undefined before `run`. */
  readonly registration: () => Registration | undefined;
  /** Keeps identity, Node object and lease. Rejects with `start-refused` when the kubelet is to end and start anew, with `signal.reason`, or with a bug. */
  run(parts: NodeParts, signal: AbortSignal): Promise<never>;
}

/**
 * Works out who this node is to its API server. Nothing waits for the server here: static pods run while it is away, or while the first
 * certificate is not there.
 * @throws KubeletError for a kubeconfig or certificate that can't be used, in words
 */
export async function openCluster(config: KubeletConfig, deps: ClusterDeps, signal: AbortSignal): Promise<Cluster> {
  const { kubelet, flags, nodeName } = config;
  const { clock, log } = deps;
  const keys = createKeys();
  const onRequest = restClientMetrics(deps.metrics.registry);
  const open = (endpoint: () => ApiEndpoint, credentials: CredentialSource) =>
    connectKubeApi({
      endpoint,
      credentials,
      userAgent: userAgent(config.version),
      env: process.env,
      clock,
      log,
      onRequest,
    });
  let expiresAt: Identity["expiresAt"] = () => undefined;
  const identity = await openIdentity(
    {
      kubeconfig: flags.kubeconfig,
      bootstrapKubeconfig: flags.bootstrapKubeconfig,
      certDir: flags.certDir,
      nodeName,
      rotateCertificates: kubelet.rotateCertificates,
    },
    {
      ...deps,
      keys,
      listener: kubelet.rotateCertificates
        ? clientCertificateMetrics(deps.metrics.registry, { expiresAt: () => expiresAt(), now: clock.wall })
        : { failed: () => {}, rotated: () => {} },
      connect: (endpoint, credentials) => closedAfterUse(open(endpoint, credentials)),
    },
    signal,
  );
  expiresAt = identity.expiresAt;
  const credentials = whenReady(identity);
  const limits = { qps: kubelet.kubeAPIQPS, burst: kubelet.kubeAPIBurst };
  const api = open(identity.endpoint, credentials);
  // A connection of its own: a slow list must not cost the node its lease.
  const heartbeats = open(identity.endpoint, credentials);
  const limited = api.limited(limits);
  let registration: Registration | undefined;
  const { eventRecordQPS: qps, eventBurst: burst } = kubelet;
  const events = new EventSink(
    { nodeName, nodeUid: () => registration?.node?.metadata?.uid },
    { ...deps, api: api.limited(qps > 0 ? { qps, burst } : undefined) },
  );
  const node = Promise.withResolvers<unknown>();
  node.promise.catch(() => {});
  const pods = openClusterPods(
    {
      ...deps,
      api: limited,
      nodeName,
      node: () => registration?.node,
      nodeSeen: node.promise,
      onStatusSent: (took) => deps.metrics.podStatusSyncSeconds.observe(took / 1000),
    },
    signal,
  );
  return {
    api: limited,
    references: new References({ ...deps, api: limited }, signal),
    pods,
    node: {
      current: () => registration?.node,
      renew: async (life) => registration?.renewNode(life),
    },
    events,
    registration: () => registration,
    async run(parts, life) {
      const options = registrationOptions(config);
      let serving: ServingCertificate | undefined;
      registration = new Registration(options, {
        ...deps,
        ...parts,
        api: limited,
        heartbeats: heartbeats.limited(undefined, heartbeatPatience(options)),
        facts: createNodeFacts(parts.cgroupVersion, clock),
        arch: goArch(process.arch),
        declaredFeatures: declaredFeatures({ webSocketStreams: config.gatesOn.has("ExtendWebSocketsToKubelet") }),
        onHeartbeatsFail: () => {
          // Without a connection there is none to leave; others may stand.
          if (heartbeats.stats().connections === 0) return;
          log.warn("The API server fails heartbeats again and again, connecting anew");
          for (const connection of [heartbeats, api]) connection.dropConnections();
        },
        onNode: () => {
          pods.reporter.nodeChanged();
          serving?.addressesChanged();
        },
      });
      registration.whenNode(life).then(node.resolve, node.reject);
      serving = await servingCertificate(config, { ...deps, keys, api: limited }, () => registration?.node);
      return Promise.race([
        identity.run(life),
        registration.run(life),
        events.run(life),
        ...(serving ? [serving.run(life)] : []),
      ]);
    },
    [Symbol.dispose]() {
      api.close();
      heartbeats.close();
    },
  };
}

/** As the API server's audit log knows us. */
const userAgent = (version: string): string =>
  `kubelet/${version} (linux/${goArch(process.arch)}) kubernetes/kubelet-ts`;

const closedAfterUse = (connection: KubeConnection): KubeConnection & AsyncDisposable =>
  Object.assign(connection, { [Symbol.asyncDispose]: async () => connection.close() });

/** Who asks before the first certificate is there waits for it, instead of failing and trying again later. */
function whenReady({ credentials, ready }: Identity): CredentialSource {
  return {
    async current(signal) {
      await orAborted(ready, signal);
      return credentials.current(signal);
    },
    refused: (refused) => credentials.refused(refused),
  };
}
