import type { JsonObject } from "./json.ts";
import type { KubeletConfiguration, KubeletFlags } from "./table.ts";

/** Who said that an option has its value. `where` is a path, a flag, or the reason of a difference. */
export interface Origin {
  readonly kind: "default" | "file" | "drop-in" | "flag" | "standalone-difference";
  readonly where: string;
}

/** The whole configuration of one run, frozen. */
export interface KubeletConfig {
  readonly kubelet: KubeletConfiguration;
  readonly flags: KubeletFlags;
  /** Canonical v1beta1 JSON with every default, as `kubelet` was made from; `toVersioned` writes it. */
  readonly fields: JsonObject;
  /** Canonical JSON of `flags`. */
  readonly flagFields: JsonObject;
  /** Every feature gate that is on. */
  readonly gatesOn: ReadonlySet<string>;
  /** By field path, or `--flag` for options that are flags only. Every option has one. */
  readonly origins: ReadonlyMap<string, Origin>;
  /** One sentence each, to be logged at start. */
  readonly warnings: readonly string[];
  /** Name of this node: --hostname-override or the host's name, trimmed and in lower case. */
  readonly nodeName: string;
  /** No kubeconfig: the node answers to nobody. */
  readonly standalone: boolean;
  /** `healthz-only`: nobody could prove who they are at the main port, so it serves nothing else. */
  readonly mainPort: "whole" | "healthz-only";
  /** The version this kubelet reports as its own. */
  readonly version: string;
}

/** True when a person set the option, by file, drop-in or flag. */
export function isGiven(config: Pick<KubeletConfig, "origins">, key: string): boolean {
  const kind = config.origins.get(key)?.kind;
  return kind === "file" || kind === "drop-in" || kind === "flag";
}
