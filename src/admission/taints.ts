import type { Pod, Taint, Toleration } from "../model/kubernetes.ts";

/** A taint that drives the pod away and that it does not tolerate. What only keeps new pods from being placed here is the scheduler's to look at. */
export const untolerated = (pod: Pod, taints: readonly Taint[]): Taint | undefined =>
  taints.find(
    (taint) =>
      taint.effect === "NoExecute" && !pod.spec?.tolerations?.some((toleration) => tolerates(toleration, taint)),
  );

/** An empty effect stands for every effect, an empty key for every key. */
function tolerates({ effect, key, operator, value }: Toleration, taint: Taint): boolean {
  if (effect && effect !== taint.effect) return false;
  if (key && key !== taint.key) return false;
  if (operator === "Exists") return true;
  return (!operator || operator === "Equal") && (value ?? "") === (taint.value ?? "");
}
