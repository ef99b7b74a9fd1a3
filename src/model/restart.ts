import type { Container, ContainerRestartRule, Pod } from "./kubernetes.ts";

type Restartable = Pick<Container, "restartPolicy" | "restartPolicyRules">;

/** May the container run again after it ended with `exitCode`? Its own rules come first, then its policy, then the pod's (KEP-5307). */
export function mayRestart(pod: Pod, container: Restartable, exitCode: number): boolean {
  if (container.restartPolicy !== undefined) {
    const action = matchingRule(container, exitCode)?.action;
    if (action === "Restart" || action === "RestartAllContainers") return true;
    const own = allows(container.restartPolicy, exitCode);
    if (own !== undefined) return own;
  }
  return allows(pod.spec?.restartPolicy ?? "Always", exitCode) ?? true;
}

/** First rule that speaks about this exit code. */
export function matchingRule(container: Restartable, exitCode: number): ContainerRestartRule | undefined {
  return container.restartPolicyRules?.find(({ exitCodes }) => {
    if (!exitCodes) return false;
    const listed = exitCodes.values?.includes(exitCode) ?? false;
    return exitCodes.operator === "In" ? listed : exitCodes.operator === "NotIn" && !listed;
  });
}

/** Does this exit ask for a restart of the whole pod in place (KEP-5532)? */
export const restartsAll = (container: Restartable, exitCode: number): boolean =>
  container.restartPolicy !== undefined && matchingRule(container, exitCode)?.action === "RestartAllContainers";

/** Could some exit of this container lead to another run? Used where the exit code isn't known yet. */
export function couldRestart(pod: Pod, container: Restartable): boolean {
  if (container.restartPolicy === undefined) return pod.spec?.restartPolicy !== "Never";
  return (
    container.restartPolicy !== "Never" ||
    (container.restartPolicyRules?.some((rule) => rule.action === "Restart") ?? false)
  );
}

function allows(policy: string, exitCode: number): boolean | undefined {
  if (policy === "Always") return true;
  if (policy === "OnFailure") return exitCode !== 0;
  return policy === "Never" ? false : undefined;
}
