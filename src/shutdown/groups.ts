import { type Millis, millis, seconds } from "../base/units.ts";
import type { Pod } from "../model/kubernetes.ts";

/** Pods of this priority and above, up to that of the next group, have so long to stop. */
export interface GroupGrace {
  readonly priority: number;
  readonly grace: Millis;
}

/** Pods that stop together. */
export interface PodGroup extends GroupGrace {
  readonly pods: readonly Pod[];
}

/** From KubeletConfiguration, by the same names. */
export interface GraceOptions {
  readonly shutdownGracePeriod: Millis;
  readonly shutdownGracePeriodCriticalPods: Millis;
  readonly shutdownGracePeriodByPodPriority: readonly {
    readonly priority: number;
    readonly shutdownGracePeriodSeconds: number;
  }[];
}

/** Of the class system-cluster-critical. */
const CRITICAL = 2_000_000_000;

/**
 * The groups, lowest priority first; none: a shutdown waits for no pod. The two simple options stand for two groups, in whole seconds.
 * https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/2712-pod-priority-based-graceful-node-shutdown
 */
export function gracesOf(options: GraceOptions): readonly GroupGrace[] {
  const { shutdownGracePeriod: whole, shutdownGracePeriodCriticalPods: critical } = options;
  const given = options.shutdownGracePeriodByPodPriority.map(({ priority, shutdownGracePeriodSeconds }) => ({
    priority,
    grace: seconds(shutdownGracePeriodSeconds),
  }));
  if (given.length > 0) return given.sort((a, b) => a.priority - b.priority);
  if (whole === 0 || critical > whole) return [];
  const inSeconds = (span: number) => seconds(Math.floor(span / 1000));
  return [
    { priority: 0, grace: inSeconds(whole - critical) },
    { priority: CRITICAL, grace: inSeconds(critical) },
  ];
}

/** How long the system has to wait for all of them. */
export const totalOf = (graces: readonly GroupGrace[]): Millis =>
  millis(graces.reduce((sum, { grace }) => sum + grace, 0));

/** Each pod into the highest group that is not above its priority; one below all of them into the lowest. */
export function groupPods(graces: readonly GroupGrace[], pods: readonly Pod[]): readonly PodGroup[] {
  const placeOf = ({ spec }: Pod): number =>
    Math.max(
      0,
      graces.findLastIndex(({ priority }) => priority <= (spec?.priority ?? 0)),
    );
  return graces.map((group, place) => ({ ...group, pods: pods.filter((pod) => placeOf(pod) === place) }));
}
