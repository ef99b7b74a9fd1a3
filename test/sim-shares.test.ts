import assert from "node:assert/strict";
import { test } from "node:test";
import { sharesOf } from "../scripts/lib/simulation.ts";

const cases = [
  { name: "one seed is one process", args: ["--seed", "5"], shares: ["--seed 5"] },
  {
    name: "the usual range begins with what once failed",
    args: [],
    shares: ["--regressions --seeds 2500 --from 1", "--seeds 2500 --from 2501"],
  },
  {
    name: "an odd count is shared without a gap",
    args: ["--seeds", "5", "--from", "10"],
    shares: ["--seeds 2 --from 10", "--seeds 3 --from 12"],
  },
  { name: "one seed of a range needs no second process", args: ["--seeds", "1"], shares: ["--seeds 1 --from 1"] },
  { name: "what is no number is the simulator's to refuse", args: ["--seeds", "x"], shares: ["--seeds x"] },
];
for (const { name, args, shares } of cases) {
  test(`sharesOf(): ${name}`, () => {
    assert.deepEqual(
      sharesOf(args, 2).map((share) => share.join(" ")),
      shares,
    );
  });
}
