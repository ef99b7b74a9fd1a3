import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { seconds } from "../base/units.ts";
import type { Pod } from "../model/kubernetes.ts";
import { type GraceOptions, gracesOf, groupPods, totalOf } from "./groups.ts";

const NONE: GraceOptions = {
  shutdownGracePeriod: seconds(0),
  shutdownGracePeriodCriticalPods: seconds(0),
  shutdownGracePeriodByPodPriority: [],
};
const CASES: readonly {
  readonly name: string;
  readonly options: Partial<GraceOptions>;
  readonly groups: readonly (readonly [priority: number, seconds: number])[];
}[] = [
  { name: "none, when off", options: {}, groups: [] },
  {
    name: "two groups of the simple options",
    options: { shutdownGracePeriod: seconds(30), shutdownGracePeriodCriticalPods: seconds(10) },
    groups: [
      [0, 20],
      [2_000_000_000, 10],
    ],
  },
  {
    name: "whole seconds",
    options: { shutdownGracePeriod: seconds(3.5), shutdownGracePeriodCriticalPods: seconds(1.2) },
    groups: [
      [0, 2],
      [2_000_000_000, 1],
    ],
  },
  {
    name: "groups by priority, the lowest first",
    options: {
      shutdownGracePeriodByPodPriority: [
        { priority: 100_000, shutdownGracePeriodSeconds: 10 },
        { priority: -5, shutdownGracePeriodSeconds: 60 },
        { priority: 1000, shutdownGracePeriodSeconds: 120 },
      ],
    },
    groups: [
      [-5, 60],
      [1000, 120],
      [100_000, 10],
    ],
  },
];
for (const { name, options, groups } of CASES) {
  test(`gracesOf() gives ${name}`, () => {
    const graces = gracesOf({ ...NONE, ...options });
    assert.deepEqual(
      graces.map(({ priority, grace }) => [priority, grace / 1000]),
      groups,
    );
    assert.equal(
      totalOf(graces),
      groups.reduce((sum, [, span]) => sum + span * 1000, 0),
    );
  });
}

const podOf = (priority: number | undefined, name = `${priority}`): Pod => ({
  metadata: { name },
  spec: { containers: [], ...(priority === undefined ? {} : { priority }) },
});
const GRACES = [0, 1000, 100_000].map((priority) => ({ priority, grace: seconds(1) }));

test("groupPods() puts each pod into the highest group that is not above it, and one below all into the lowest", () => {
  const pods = [undefined, -7, 0, 999, 1000, 99_999, 100_000, 2_000_001_000].map((priority) => podOf(priority));
  assert.deepEqual(
    groupPods(GRACES, pods).map(({ pods: inGroup }) => inGroup.map(({ metadata }) => metadata?.name)),
    [
      ["undefined", "-7", "0", "999"],
      ["1000", "99999"],
      ["100000", "2000001000"],
    ],
  );
});

test("groupPods() puts each pod into one group, never above one of higher priority", () => {
  const priority = fc.integer({ min: -2_147_483_648, max: 2_147_483_647 });
  fc.assert(
    fc.property(fc.uniqueArray(priority, { minLength: 1 }), fc.array(priority), (bounds, priorities) => {
      const graces = bounds.sort((a, b) => a - b).map((bound) => ({ priority: bound, grace: seconds(1) }));
      const pods = priorities.map((one, place) => podOf(one, `${place}`));
      const placed = groupPods(graces, pods).flatMap((group) => group.pods);
      assert.equal(placed.length, pods.length);
      const groups = groupPods(graces, pods).filter((group) => group.pods.length > 0);
      const of = (pod: Pod) => pod.spec?.priority ?? 0;
      groups.slice(1).forEach((group, place) => {
        const below = groups[place]?.pods ?? [];
        assert.ok(Math.max(...below.map(of)) < Math.min(...group.pods.map(of)));
      });
    }),
  );
});
