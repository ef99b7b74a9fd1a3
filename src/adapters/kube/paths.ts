import { KubeletError } from "../../base/fault.ts";
import type { Collection } from "../../ports/kube-api.ts";

/** `/api/v1/namespaces/a/pods/b/status`. @throws KubeletError "api-refused" for a name that can be no object's */
export function pathOf(at: Collection, name?: string, subresource?: string): string {
  const parts = at.group === "" ? ["api", at.version] : ["apis", at.group, at.version];
  if (at.namespace !== undefined) parts.push("namespaces", at.namespace);
  parts.push(at.resource);
  if (name !== undefined) parts.push(name);
  if (subresource !== undefined) parts.push(subresource);
  return `/${parts.map(segment).join("/")}`;
}

function segment(name: string): string {
  if (name === "" || name === "." || name === ".." || name.includes("/") || name.includes("%")) {
    throw new KubeletError(`Cannot ask the API server for "${name}": that is no object's name`, {
      code: "api-refused",
      status: 400,
      reason: "BadRequest",
    });
  }
  return encodeURIComponent(name);
}

/** `?a=1&b=2`, without what is undefined; "" where nothing is left. */
export function queryOf(query: { readonly [name: string]: string | number | boolean | undefined }): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

/** `pods/status "default/web"`, for messages. */
export function objectOf(at: Collection, name?: string, subresource?: string): string {
  const what = subresource === undefined ? at.resource : `${at.resource}/${subresource}`;
  if (name === undefined) return at.namespace === undefined ? what : `${what} in namespace "${at.namespace}"`;
  return `${what} "${at.namespace === undefined ? name : `${at.namespace}/${name}`}"`;
}
