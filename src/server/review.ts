import type { SubjectAccessReview, TokenReview } from "../model/kubernetes.ts";
import type { Identity } from "./access.ts";

/** The question whose token this is. It holds the token: never log. */
export const tokenReview = (token: string): TokenReview => ({
  apiVersion: "authentication.k8s.io/v1",
  kind: "TokenReview",
  spec: { token },
});

/** Who holds the token; undefined: nobody. @throws Error with what the API server says went wrong, which is not for clients */
export function holderIn({ status }: TokenReview): Identity | undefined {
  if (status?.authenticated !== true) {
    if (status?.error) throw new Error(`the API server could not check the token: ${status.error}`);
    return undefined;
  }
  const { username, uid, groups, extra } = status.user ?? {};
  if (typeof username !== "string" || username === "") return undefined;
  return {
    user: username,
    groups: [...texts(groups), "system:authenticated"].filter((name, at, all) => all.indexOf(name) === at),
    ...(typeof uid === "string" && uid !== "" ? { uid } : {}),
    ...(extra ? { extra: Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, texts(values)])) } : {}),
    by: "token",
  };
}

/** The question whether somebody may do `verb` on a subresource of the node. */
export const accessReview = (
  { user, groups, uid, extra }: Identity,
  { verb, subresource, node }: { readonly verb: string; readonly subresource: string; readonly node: string },
): SubjectAccessReview => ({
  apiVersion: "authorization.k8s.io/v1",
  kind: "SubjectAccessReview",
  spec: {
    resourceAttributes: { verb, version: "v1", resource: "nodes", subresource, name: node },
    user,
    groups,
    ...(uid === undefined ? {} : { uid }),
    ...(extra === undefined ? {} : { extra }),
  },
});

/** @throws Error for an answer that says both */
export function isAllowed({ status }: SubjectAccessReview): boolean {
  if (status?.allowed === true && status.denied === true)
    throw new Error("the API server's SubjectAccessReview says both allowed and denied");
  return status?.allowed === true;
}

/** An answer may hold anything. */
const texts = (values: unknown): readonly string[] =>
  Array.isArray(values) ? values.filter((value) => typeof value === "string") : [];
