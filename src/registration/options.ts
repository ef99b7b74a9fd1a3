import type { Millis } from "../base/units.ts";
import { millis, seconds } from "../base/units.ts";
import { type KubeletConfig, nodeIpsOf } from "../config/index.ts";
import type { Taint } from "../model/kubernetes.ts";

type Texts = { readonly [key: string]: string };

/** What the configuration says of the node as the cluster is to know it. */
export interface RegistrationOptions {
  readonly nodeName: string;
  /** The Node object is made and kept up by us, else only its status. */
  readonly registerNode: boolean;
  readonly labels: Texts;
  readonly taints: readonly Taint[];
  readonly providerId: string;
  readonly externalCloudProvider: boolean;
  /** --node-ip: none, one, or one of each family. `0.0.0.0` and `::` only say which family is preferred. */
  readonly nodeIps: readonly string[];
  readonly attachDetachByController: boolean;
  readonly rootDir: string;
  readonly maxPods: number;
  readonly podsPerCore: number;
  /** systemReserved and kubeReserved. */
  readonly reserved: readonly Texts[];
  readonly evictionHard: Texts;
  readonly evictionSoft: Texts;
  /** How long a pressure condition outlives the pressure. */
  readonly pressureTransition: Millis;
  readonly ephemeralStorage: boolean;
  readonly kubeletVersion: string;
  /** Where the kubelet's main port listens. */
  readonly port: number;
  /** -1: all. */
  readonly maxImages: number;
  readonly updateFrequency: Millis;
  readonly reportFrequency: Millis;
  readonly leaseDurationSeconds: number;
  /** A Node that may not be created is not looked for: KubeletRegistrationGetOnExistsOnly. */
  readonly getOnExistsOnly: boolean;
}

/** How long a heartbeat may take: as upstream's, until the next one is due or the lease is over. */
export const heartbeatPatience = ({
  updateFrequency,
  leaseDurationSeconds,
}: Pick<RegistrationOptions, "updateFrequency" | "leaseDurationSeconds">): Millis =>
  millis(Math.min(updateFrequency, leaseDurationSeconds * 1000));

/** Upstream turns none into its default: pods would be let in and evicted in turns. */
const LEAST_TRANSITION = seconds(300);

export function registrationOptions(config: KubeletConfig): RegistrationOptions {
  const { kubelet, flags, gatesOn } = config;
  return {
    nodeName: config.nodeName,
    registerNode: kubelet.registerNode,
    labels: flags.nodeLabels,
    taints: kubelet.registerWithTaints,
    providerId: kubelet.providerID,
    externalCloudProvider: flags.cloudProvider === "external",
    nodeIps: nodeIpsOf(flags.nodeIP).ips,
    attachDetachByController: kubelet.enableControllerAttachDetach,
    rootDir: flags.rootDir,
    maxPods: kubelet.maxPods,
    podsPerCore: kubelet.podsPerCore,
    reserved: [kubelet.systemReserved, kubelet.kubeReserved],
    evictionHard: kubelet.evictionHard,
    evictionSoft: kubelet.evictionSoft,
    pressureTransition:
      kubelet.evictionPressureTransitionPeriod > 0 ? kubelet.evictionPressureTransitionPeriod : LEAST_TRANSITION,
    ephemeralStorage: kubelet.localStorageCapacityIsolation,
    kubeletVersion: config.version,
    port: kubelet.port,
    maxImages: kubelet.nodeStatusMaxImages,
    updateFrequency: kubelet.nodeStatusUpdateFrequency,
    reportFrequency: kubelet.nodeStatusReportFrequency,
    leaseDurationSeconds: kubelet.nodeLeaseDurationSeconds,
    getOnExistsOnly: gatesOn.has("KubeletRegistrationGetOnExistsOnly"),
  };
}
