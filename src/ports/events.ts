/** One Kubernetes event about a pod, container or the node: reasons and texts are upstream's. */
export interface EventRecord {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  readonly about: EventSubject;
}

export type EventSubject =
  | { readonly kind: "node" }
  | { readonly kind: "manifest"; readonly source: string }
  | {
      readonly kind: "pod";
      readonly uid: string;
      readonly name: string;
      readonly namespace: string;
      /** `spec.containers{web}` */
      readonly fieldPath?: string;
    };

/** Takes events; never blocks, never throws. */
export interface Events {
  record(event: EventRecord): void;
}
