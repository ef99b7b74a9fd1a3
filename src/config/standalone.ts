import type { Problem } from "../base/fault.ts";
import { type Json, type JsonObject, valueAt, withValue } from "./json.ts";
import type { Origin } from "./kubelet-config.ts";

/**
 * Where a node without a kubeconfig differs from upstream's. Only defaults change: what a person set stays, and is refused where it
 * cannot work. docs/differences.md tells why.
 */
const DIFFERENCES: readonly { readonly path: string; readonly value: Json; readonly why: string }[] = [
  {
    path: "authentication.webhook.enabled",
    value: false,
    why: "no kubeconfig: there is no API server to check tokens with",
  },
  {
    path: "authorization.mode",
    value: "AlwaysAllow",
    why: "no kubeconfig: there is no API server to ask; only known client certificates get in",
  },
  {
    path: "authentication.anonymous.enabled",
    value: false,
    why: "no kubeconfig: nobody gets in without a certificate unless told so",
  },
  { path: "readOnlyPort", value: 0, why: "no kubeconfig: no port without authentication unless told so" },
];
const LOOPBACK_WHY = "no client CA: the main port serves /healthz only, on this host only";

export interface Applied {
  readonly doc: JsonObject;
  readonly origins: ReadonlyMap<string, Origin>;
  readonly mainPort: "whole" | "healthz-only";
  readonly problems: readonly Problem[];
}

/** Applies the standalone differences, or, on a node with a kubeconfig, only checks that somebody can get in. */
export function applyStandalone(doc: JsonObject, origins: ReadonlyMap<string, Origin>, standalone: boolean): Applied {
  if (!standalone) return { doc, origins, mainPort: "whole", problems: accessProblems(doc) };
  const result = new Map(origins);
  let changed = doc;
  const differ = (path: string, value: Json, why: string) => {
    if (origins.get(path)?.kind !== "default" || valueAt(changed, path) === value) return;
    changed = withValue(changed, path, value);
    result.set(path, { kind: "standalone-difference", where: why });
  };
  for (const { path, value, why } of DIFFERENCES) differ(path, value, why);

  const known =
    valueAt(changed, "authentication.x509.clientCAFile") !== "" ||
    valueAt(changed, "authentication.anonymous.enabled") === true;
  if (!known) differ("address", "127.0.0.1", LOOPBACK_WHY);
  return {
    doc: changed,
    origins: result,
    mainPort: known ? "whole" : "healthz-only",
    problems: clusterProblems(changed),
  };
}

function clusterProblems(doc: JsonObject): Problem[] {
  const fix = "needs an API server: give --kubeconfig, or";
  return [
    ...(valueAt(doc, "authentication.webhook.enabled") === true
      ? [{ field: "authentication.webhook.enabled", message: `${fix} set it to false` }]
      : []),
    ...(valueAt(doc, "authorization.mode") === "Webhook"
      ? [{ field: "authorization.mode", message: `${fix} set it to AlwaysAllow` }]
      : []),
    ...(valueAt(doc, "serverTLSBootstrap") === true
      ? [{ field: "serverTLSBootstrap", message: `${fix} set it to false` }]
      : []),
  ];
}

function accessProblems(doc: JsonObject): Problem[] {
  const open =
    valueAt(doc, "authentication.x509.clientCAFile") !== "" ||
    valueAt(doc, "authentication.webhook.enabled") === true ||
    valueAt(doc, "authentication.anonymous.enabled") === true;
  return open
    ? []
    : [
        {
          field: "authentication",
          message: "lets nobody in: set x509.clientCAFile, webhook.enabled or anonymous.enabled",
        },
      ];
}
