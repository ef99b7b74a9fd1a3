import assert from "node:assert/strict";
import { test } from "node:test";
import { count, NO_ANSWERS, type Tally } from "./tally.ts";

const THRESHOLDS = { successThreshold: 2, failureThreshold: 3 };

/** `+` success, `-` failure; the verdict after each: `y`, `n` or `?`. */
const cases = [
  { answers: "++", verdicts: "?y" },
  { answers: "+-+-++", verdicts: "?????y" },
  { answers: "--", verdicts: "??" },
  { answers: "---", verdicts: "??n" },
  { answers: "++--+--", verdicts: "?yyyyyy" },
  { answers: "++---+-++", verdicts: "?yyynnnny" },
];
for (const { answers, verdicts } of cases) {
  test(`count() decides ${answers} as ${verdicts}`, () => {
    let tally: Tally = NO_ANSWERS;
    const told = [...answers].map((answer) => {
      tally = count(tally, answer === "+", THRESHOLDS);
      return tally.verdict === undefined ? "?" : tally.verdict ? "y" : "n";
    });
    assert.equal(told.join(""), verdicts);
  });
}
