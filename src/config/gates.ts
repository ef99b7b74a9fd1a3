import type { Problem } from "../base/fault.ts";
import { GATE_NEEDS, GATE_STATES, type GateState } from "./gate-table.ts";
import { hint } from "./suggest.ts";

const GATES: ReadonlyMap<string, GateState> = new Map(
  GATE_STATES.flatMap(({ names, ...state }) => names.map((name): [string, GateState] => [name, state])),
);
const GROUPS: { readonly [gate: string]: GateState["stage"] } = { AllAlpha: "Alpha", AllBeta: "Beta" };

export interface GateVerdict {
  /** Every gate that is on. */
  readonly on: ReadonlySet<string>;
  readonly problems: readonly Problem[];
  readonly warnings: readonly string[];
}

/** Works out which gates are on: defaults, then the groups AllAlpha and AllBeta, then what is set by name. */
export function judgeGates(set: { readonly [gate: string]: boolean }): GateVerdict {
  const problems: Problem[] = [];
  const warnings: string[] = [];
  const on = new Map([...GATES].map(([name, state]) => [name, state.on]));
  for (const [group, stage] of Object.entries(GROUPS)) {
    const wanted = set[group];
    if (wanted === undefined) continue;
    for (const [name, state] of GATES) if (state.stage === stage && !state.locked) on.set(name, wanted);
  }
  for (const [name, wanted] of Object.entries(set)) {
    if (name in GROUPS) continue;
    const state = GATES.get(name);
    const field = `featureGates.${name}`;
    if (!state) problems.push({ field, message: `is no known feature gate${hint(name, GATES.keys())}` });
    else if (state.locked && state.on !== wanted)
      problems.push({ field, message: `is locked to ${state.on}: remove the setting` });
    else on.set(name, wanted);
    if (state && (state.stage === "GA" || state.stage === "Deprecated")) {
      warnings.push(
        `Feature gate ${name} is ${state.stage === "GA" ? "generally available" : "deprecated"} and will go: remove the setting`,
      );
    }
  }
  const isOn = (name: string) => on.get(name) === true;
  for (const [name, needs] of problems.length > 0 ? [] : Object.entries(GATE_NEEDS)) {
    const missing = isOn(name) ? needs.filter((need) => !isOn(need)) : [];
    if (missing.length > 0)
      problems.push({
        field: `featureGates.${name}`,
        message: `is on but needs ${missing.join(", ")}: set both alike`,
      });
  }
  return { on: new Set([...on].flatMap(([name, value]) => (value ? [name] : []))), problems, warnings };
}
