import { untilAborted } from "../base/abort.ts";
import { KubeletError } from "../base/fault.ts";
import { namespaceOf, specOf } from "../model/pod.ts";
import type { PodReferences } from "../ports/referenced.ts";

const refused = (message: string): KubeletError =>
  new KubeletError(message, { code: "waiting", reason: "CreateContainerConfigError" });

/** What pods can refer to on a node without an API server: nothing, and it says so. */
export const withoutApi: PodReferences = {
  objects: {
    find: async () => undefined,
    whyMissing: (kind, namespace, name) =>
      `couldn't get ${kind} ${namespace}/${name}, this node has no API server to read it from`,
  },
  tokens: {
    token: ({ namespace }, { serviceAccount }) =>
      Promise.reject(
        refused(`cannot get a token of ServiceAccount ${namespace}/${serviceAccount}: this node has no API server`),
      ),
    forget: () => {},
  },
  want: () => {},
  services: async () => [],
  runtimeHandler: async (pod) => {
    const name = specOf(pod).runtimeClassName ?? "";
    if (name === "") return "";
    throw refused(`cannot look up RuntimeClass ${name} of a pod in ${namespaceOf(pod)}: this node has no API server`);
  },
  revision: () => 0,
  onChange: () => {},
  run: untilAborted,
  sizes: {},
};
