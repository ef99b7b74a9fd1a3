import type { KubeletConfig } from "../config/index.ts";
import type { Clock } from "../ports/clock.ts";
import type { MachineReader } from "../ports/machine-reader.ts";
import type { IdentityFacts, RuntimeFacts } from "./node.ts";

/** What of the machine is read once at the start of every kubelet. */
export interface HostValues {
  readonly cgroupVersion: 1 | 2;
  /** "6.1.0-18-amd64" */
  readonly kernel: string;
  /** Version of the C library; "" where it is unknown. */
  readonly glibc: string;
  readonly root: boolean;
}

export interface Server {
  readonly url: string;
  /** PEM; undefined: the system's CAs. */
  readonly ca: string | undefined;
  readonly serverName: string | undefined;
  readonly insecure: boolean;
  /** Goes through a proxy. */
  readonly proxied: boolean;
}

/** What the checks need beyond files: it takes the same ways that a kubelet with this configuration would take. */
export interface Examiner {
  readonly config: KubeletConfig;
  readonly host: HostValues;
  readonly machine: MachineReader;
  readonly clock: Clock;
  /** Asked once, whoever asks first. */
  runtime(signal: AbortSignal): Promise<{ readonly facts: RuntimeFacts; readonly driver: string | undefined }>;
  /** undefined: a node without a cluster. */
  identity(): Promise<{ readonly facts: IdentityFacts; readonly server: Server | undefined } | undefined>;
  /** Amounts reserved beyond what there is, a sentence each. */
  reservations(signal: AbortSignal): Promise<readonly string[]>;
  /** Why a PEM file of CAs can't be used. */
  clientCaTrouble(path: string): Promise<string | undefined>;
}
