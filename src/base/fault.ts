import type { Millis } from "./units.ts";

/** Closes a switch over a union: a new member fails the type check here, not at run time. */
export function unreachable(value: never): never {
  throw new TypeError(`Unreachable case: ${JSON.stringify(value)}`);
}

/**
 * Every way the node can say no that some caller treats differently.
 * `waiting` faults carry the reason that a container status shows while it waits (ErrImagePull, CreateContainerError, …).
 */
export type Fault =
  | { readonly code: "runtime-unavailable"; readonly endpoint: string }
  | { readonly code: "runtime-timeout"; readonly call: string }
  | { readonly code: "runtime-unimplemented"; readonly call: string }
  | { readonly code: "runtime-not-found"; readonly call: string; readonly id: string; readonly text?: string }
  /** `text` is what the runtime itself said: prefixes such as `RegistryUnavailable` are told apart by it. */
  | { readonly code: "runtime-refused"; readonly call: string; readonly status: string; readonly text?: string }
  /** No answer from the API server: not reached, TLS refused, cut off, too slow. */
  | { readonly code: "api-unavailable"; readonly server: string }
  /** The API server said no, with a Status. `reason` is its `reason` (`NotFound`, `Conflict`, `Expired`, …), "" where it gave none. */
  | { readonly code: "api-refused"; readonly status: number; readonly reason: string; readonly retryAfter?: Millis }
  /** The cluster did not give a certificate: denied, failed, or not in time. `csr` names the CertificateSigningRequest. */
  | { readonly code: "certificate-not-issued"; readonly csr: string }
  | { readonly code: "waiting"; readonly reason: string }
  | { readonly code: "network-not-ready" }
  | { readonly code: "volume-not-mounted"; readonly volume: string }
  | { readonly code: "file-failed"; readonly path: string; readonly errno: string }
  | { readonly code: "manifest-invalid"; readonly problems: readonly Problem[] }
  | { readonly code: "config-invalid"; readonly problems: readonly Problem[] }
  | { readonly code: "start-refused"; readonly what: string };

/** One thing wrong with an input: where (`spec.containers[0].image`), and what to do about it. */
export interface Problem {
  readonly field: string;
  readonly message: string;
}

/** An expected failure. Broken invariants are not faults: they throw TypeError or RangeError and end the process. */
export class KubeletError extends Error {
  override readonly name = "KubeletError";
  readonly fault: Fault;
  constructor(message: string, fault: Fault, options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
  }
}

export const isFault = <C extends Fault["code"]>(
  error: unknown,
  code: C,
): error is KubeletError & { readonly fault: Extract<Fault, { code: C }> } =>
  error instanceof KubeletError && error.fault.code === code;

/** What a person reads: the message of anything thrown, without a stack. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * What the runtime itself said, without what we were about to do, which may name an id that is another one at each try: so that upstream's words stand in
 * statuses and events, and equal events are counted together.
 */
export function runtimeText(error: unknown): string {
  if (isFault(error, "runtime-refused") || isFault(error, "runtime-not-found"))
    return error.fault.text ?? error.message;
  return messageOf(error);
}
