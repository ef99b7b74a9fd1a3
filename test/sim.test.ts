import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";
import { startCoreWith, startSimCore } from "../src/app/sim-core.ts";
import { millis } from "../src/base/units.ts";
import { type Plan, type PlanInput, planPod } from "../src/lifecycle/index.ts";
import { runScenario } from "../src/sim/scenario.ts";
import type { StartCore } from "../src/sim/sim-kubelet.ts";

const MAIN = join(import.meta.dirname, "../src/app/sim-main.ts");
/** A broken core must be caught within so many seeds. */
const SEEDS = 60;

/** The first violation that some seed shows. */
async function firstViolation(startCore: StartCore): Promise<string | undefined> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { violations } = await runScenario(seed, startCore);
    if (violations[0] !== undefined) return violations[0];
  }
  return undefined;
}

const withSteps = (plan: Plan, change: (steps: Plan["steps"]) => Plan["steps"]): Plan => ({
  ...plan,
  steps: change(plan.steps),
});

const withoutHold = (input: PlanInput): PlanInput => ({ ...input, hold: () => undefined });

/** Planners that are wrong in one way each, with the rule that has to tell. */
const broken: readonly { readonly name: string; readonly plan: (input: PlanInput) => Plan; readonly rule: RegExp }[] = [
  {
    name: "restarts without a look at the restart policy",
    plan: (input) => {
      const { intent } = input;
      if (intent.goal === "stop") return planPod(input);
      const pod = { ...intent.pod, spec: { containers: [], ...intent.pod.spec, restartPolicy: "Always" as const } };
      return planPod({ ...input, ended: false, intent: { ...intent, pod } });
    },
    rule: /I10/,
  },
  {
    name: "forgets to stop the sandbox of a pod that ended",
    plan: (input) => {
      const plan = planPod(input);
      return plan.ended ? withSteps(plan, (steps) => steps.filter(({ kind }) => kind !== "stop-sandbox")) : plan;
    },
    rule: /I[78]/,
  },
  {
    name: "forgets to finish",
    plan: (input) => withSteps(planPod(input), (steps) => steps.filter(({ kind }) => kind !== "finish")),
    rule: /I[789]/,
  },
  {
    name: "gives no grace",
    plan: (input) =>
      withSteps(planPod(input), (steps) =>
        steps.map((step) =>
          step.kind === "stop-containers"
            ? { ...step, stops: step.stops.map((stop) => ({ ...stop, grace: millis(0) })) }
            : step,
        ),
      ),
    rule: /I6/,
  },
  {
    name: "stops what runs well",
    plan: (input) => {
      const plan = planPod(input);
      const running = input.seen?.containers.find(({ state }) => state === "running");
      if (plan.steps.length > 0 || !running || input.intent.goal === "stop") return plan;
      const stop = { id: running.id, name: running.name, grace: millis(30_000), message: "", restart: true, after: [] };
      return { ...plan, steps: [{ kind: "stop-containers", stops: [stop] }] };
    },
    rule: /I[26]/,
  },
  {
    name: "makes a sandbox though it has one",
    plan: (input) => {
      const plan = planPod(input);
      const attempt = (input.seen?.sandboxes[0]?.metadata.attempt ?? -1) + 1;
      const starts = plan.steps.some(({ kind }) => kind === "start-container");
      return starts ? { ...plan, steps: [{ kind: "run-sandbox", attempt, replaces: false }] } : plan;
    },
    rule: /I1 sandbox/,
  },
  {
    name: "starts a container beside the one that runs",
    plan: (input) => {
      const seen = input.seen && {
        ...input.seen,
        containers: input.seen.containers.map((one) =>
          one.state === "running" ? { ...one, state: "exited" as const, exitCode: 1, finishedAt: 0 } : one,
        ),
      };
      return planPod(input.intent.goal === "run" && seen ? { ...input, seen } : input);
    },
    rule: /I1 \d+ live|I10|I2/,
  },
  {
    name: "waits for no back-off",
    plan: (input) => planPod(withoutHold(input)),
    rule: /back-off/,
  },
  {
    name: "does not care for probes",
    plan: (input) => planPod({ ...input, probes: undefined }),
    rule: /fails its liveness probe and goes on/,
  },
];

describe("the simulator", { concurrency: false }, () => {
  test("finds nothing wrong with the real core, in so many seeds", async () => {
    assert.equal(await firstViolation(startSimCore), undefined);
  });

  for (const { name, plan, rule } of broken) {
    test(`catches a planner that ${name}`, async () => {
      assert.match((await firstViolation(startCoreWith({ plan }))) ?? "nothing", rule);
    });
  }

  test("catches a worker that plans from what was seen before its last step", async () => {
    assert.match((await firstViolation(startCoreWith({ refresh: async () => {} }))) ?? "nothing", /I\d/);
  });

  test("gives the same history for the same seed, also without asking for it and in another process", async () => {
    for (const seed of [3, 14]) {
      const first = await runScenario(seed, startSimCore, { withHistory: true });
      const second = await runScenario(seed, startSimCore, { withHistory: true });
      assert.deepEqual(second.history, first.history);
      assert.ok(first.history.length > 50);
      const quiet = await runScenario(seed, startSimCore);
      assert.deepEqual([quiet.starts, quiet.crashes, quiet.history], [first.starts, first.crashes, []]);
      const { stdout } = spawnSync(process.execPath, [MAIN, "--seed", `${seed}`], { encoding: "utf8" });
      assert.deepEqual(stdout.trimEnd().split("\n").slice(0, -2), first.history);
    }
  });

  test("counts in its last line and refuses what is no number", () => {
    const ran = spawnSync(process.execPath, [MAIN, "--seeds", "3", "--from", "7"], { encoding: "utf8" });
    assert.deepEqual([ran.stdout.trimEnd().split("\n").at(-1), ran.status], ["3 passed, 0 failed", 0]);
    const refused = spawnSync(process.execPath, [MAIN, "--seeds", "many"], { encoding: "utf8" });
    assert.match(refused.stderr, /--seeds must be a whole number, got "many"/);
    assert.notEqual(refused.status, 0);
  });
});
