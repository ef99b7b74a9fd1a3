import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { millis, seconds } from "../base/units.ts";
import { Tidying } from "./tidy-heap.ts";

const MB = 1024 * 1024;
const BUSY = 900;
const QUIET = 20;

describe("Tidying.next()", () => {
  const rows: readonly { name: string; looks: readonly (readonly [number, number, string | undefined])[] }[] = [
    {
      name: "collects once after the start, and then releases",
      looks: [
        [QUIET, 40, "collect"],
        [QUIET, 20, "release"],
      ],
    },
    {
      name: "leaves a busy node alone",
      looks: [
        [BUSY, 90, undefined],
        [BUSY, 99, undefined],
      ],
    },
    {
      name: "collects again when it is quiet after a busy time, by the heap's size after the sweep",
      looks: [
        [QUIET, 40, "collect"],
        [QUIET, 20, "release"],
        [BUSY, 45, undefined],
        [QUIET, 26, "collect"],
      ],
    },
    {
      name: "leaves a heap alone that has hardly grown or has shrunk",
      looks: [
        [QUIET, 40, "collect"],
        [QUIET, 20, "release"],
        [QUIET, 23, undefined],
        [QUIET, 15, undefined],
      ],
    },
    {
      name: "collects anew when a burst came in between",
      looks: [
        [QUIET, 40, "collect"],
        [BUSY, 60, undefined],
        [QUIET, 60, "collect"],
        [QUIET, 22, "release"],
        [QUIET, 22, undefined],
      ],
    },
  ];
  for (const { name, looks } of rows) {
    test(name, () => {
      const tidying = new Tidying();
      for (const [busy, heap, expected] of looks)
        assert.equal(tidying.next({ busy: millis(busy), span: seconds(10), heap: heap * MB }), expected);
    });
  }
});
