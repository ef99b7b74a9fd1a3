import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeGates } from "./gates.ts";

test("judgeGates() starts from upstream's defaults", () => {
  const { on, problems, warnings } = judgeGates({});
  assert.deepEqual([problems, warnings], [[], []]);
  for (const name of ["NodeSwap", "PodsAPI", "MemoryQoS", "LoggingBetaOptions", "SystemdWatchdog"])
    assert.ok(on.has(name), name);
  for (const name of ["EventedPLEG", "LoggingAlphaOptions", "PodAndContainerStatsFromCRI", "DefaultPodSysctls"])
    assert.ok(!on.has(name), name);
});

const refused: readonly [set: { [gate: string]: boolean }, field: string, message: RegExp][] = [
  [{ PodsApi: true }, "featureGates.PodsApi", /is no known feature gate; did you mean PodsAPI\?/],
  [{ PodLevelCheckpointRestore: true }, "featureGates.PodLevelCheckpointRestore", /is no known/],
  [{ NodeSwap: false }, "featureGates.NodeSwap", /is locked to true/],
  [{ LoggingStableOptions: true }, "featureGates.LoggingStableOptions", /is no known/],
  [{ GitRepoVolumeDriver: true }, "featureGates.GitRepoVolumeDriver", /is locked to false/],
  [{ ResourceHealthStatus: false }, "featureGates.ResourceHealthStatusMessage", /needs ResourceHealthStatus/],
  [
    { GracefulNodeShutdown: false, WindowsGracefulNodeShutdown: false },
    "featureGates.GracefulNodeShutdownBasedOnPodPriority",
    /needs GracefulNodeShutdown/,
  ],
];
for (const [set, field, message] of refused) {
  test(`judgeGates() refuses ${JSON.stringify(set)}`, () => {
    const { problems } = judgeGates(set);
    assert.equal(problems.length, 1);
    assert.equal(problems[0]?.field, field);
    assert.match(problems[0]?.message ?? "", message);
  });
}

const taken: readonly { [gate: string]: boolean }[] = [
  { DRAResourceClaimGranularStatusAuthorization: false },
  { DRAConsumableCapacity: false },
  { ControllerManagerReleaseLeaderElectionLockOnExit: true },
  { AllBeta: false },
];
for (const set of taken) {
  test(`judgeGates() takes ${JSON.stringify(set)}`, () => assert.deepEqual(judgeGates(set).problems, []));
}

test("judgeGates() switches groups, and a name beats its group", () => {
  const { on, problems } = judgeGates({ AllAlpha: true, EventedPLEG: false, GenericWorkload: true, AllBeta: true });
  assert.deepEqual(problems, []);
  assert.ok(on.has("DefaultPodSysctls") && on.has("PodAndContainerStatsFromCRI") && !on.has("EventedPLEG"));
});

test("judgeGates() warns of gates that will go, also when they keep their value", () => {
  assert.match(judgeGates({ NodeSwap: true }).warnings.join(), /NodeSwap is generally available/);
  assert.match(judgeGates({ DisableNodeKubeProxyVersion: true }).warnings.join(), /deprecated/);
});
