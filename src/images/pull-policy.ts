import type { Container } from "../model/kubernetes.ts";

export type PullPolicy = "Always" | "IfNotPresent" | "Never";

/** The API fills the policy in; a pod that came past it gets what the API would have chosen. */
export function pullPolicyOf({
  image = "",
  imagePullPolicy,
}: Pick<Container, "image" | "imagePullPolicy">): PullPolicy {
  if (imagePullPolicy === "Always" || imagePullPolicy === "Never") return imagePullPolicy;
  if (imagePullPolicy === "IfNotPresent") return imagePullPolicy;
  const name = image.slice(image.lastIndexOf("/") + 1);
  return !name.includes("@") && (!name.includes(":") || name.endsWith(":latest")) ? "Always" : "IfNotPresent";
}

/** What to do about an image; with `Always` nobody asks whether it is present. */
export function nextFor(policy: PullPolicy, present: boolean | undefined): "inspect" | "use" | "pull" | "refuse" {
  if (policy === "Always") return "pull";
  if (present === undefined) return "inspect";
  if (present) return "use";
  return policy === "Never" ? "refuse" : "pull";
}
