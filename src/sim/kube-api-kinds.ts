import type { ObjectMeta } from "../model/kubernetes.ts";
import type { KubeObject } from "../ports/kube-api.ts";

/** An object as the server keeps it. */
export interface Stored extends KubeObject {
  readonly metadata: ObjectMeta & { readonly name: string; readonly uid: string; readonly resourceVersion: string };
  readonly spec?: { readonly [name: string]: unknown } | undefined;
  readonly status?: { readonly [name: string]: unknown } | undefined;
}

/** What the real server does otherwise for one kind than for the rest. */
export interface KindRules {
  /** Status is written by its subresource only. */
  readonly hasStatus: boolean;
  /** What a create may not bring, and what it gets. */
  readonly atCreate?: (object: Stored) => Stored;
  /** `metadata.generation` counts changes of the spec. */
  readonly hasGeneration?: boolean;
  /** Seconds of grace a deletion gets; undefined: deleted at once. */
  readonly graceOf?: (object: Stored, asked: number | undefined) => number;
}

const PLAIN: KindRules = { hasStatus: false };

/** By plural. */
const RULES: { readonly [resource: string]: KindRules } = {
  pods: {
    hasStatus: true,
    hasGeneration: true,
    atCreate: (pod) => ({
      ...pod,
      metadata: { ...pod.metadata, generation: 1 },
      spec: { terminationGracePeriodSeconds: 30, restartPolicy: "Always", ...pod.spec },
      status: { phase: "Pending" },
    }),
    graceOf: podGrace,
  },
  // A node brings its status when it registers.
  nodes: { hasStatus: true },
  certificatesigningrequests: { hasStatus: true, atCreate: ({ status: _, ...rest }) => ({ ...rest, status: {} }) },
  services: { hasStatus: true },
  persistentvolumeclaims: { hasStatus: true },
  namespaces: { hasStatus: true },
};

export const rulesOf = (resource: string): KindRules => RULES[resource] ?? PLAIN;

function podGrace({ spec, status }: Stored, asked: number | undefined): number {
  const grace = asked ?? Number(spec?.terminationGracePeriodSeconds ?? 0);
  if (!spec?.nodeName || status?.phase === "Failed" || status?.phase === "Succeeded") return 0;
  return grace < 0 ? 1 : grace;
}

/** A reply that is computed instead of stored. */
export type Reply = (object: KubeObject, name: string) => KubeObject;

/** By plural, or `plural/subresource`. A test may answer more of them. */
export function repliesOf(now: () => number): Map<string, Reply> {
  let tokens = 0;
  return new Map<string, Reply>([
    [
      "serviceaccounts/token",
      (request, name) => {
        const { spec } = request as { readonly spec?: { readonly expirationSeconds?: number } };
        const expires = new Date(now() + (spec?.expirationSeconds ?? 3600) * 1000);
        return {
          ...request,
          status: { token: `token-${++tokens}-of-${name}`, expirationTimestamp: timestamp(expires) },
        } as KubeObject;
      },
    ],
    ["tokenreviews", (review) => ({ ...review, status: { authenticated: false } }) as KubeObject],
    ["subjectaccessreviews", (review) => ({ ...review, status: { allowed: false } }) as KubeObject],
  ]);
}

/** Whole seconds, as metav1.Time is written. */
export const timestamp = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, "Z");
