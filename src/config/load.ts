import { KubeletError, type Problem } from "../base/fault.ts";
import { gates } from "./codecs-list.ts";
import { type Draft, type LoadDeps, readDraft } from "./draft.ts";
import type { HostFacts } from "./facts.ts";
import { judgeGates } from "./gates.ts";
import { renderHelp } from "./help.ts";
import { deepFreeze, type JsonObject, mergePatch, withValue } from "./json.ts";
import type { KubeletConfig, Origin } from "./kubelet-config.ts";
import { type ParsedFlags, parseFlags } from "./parse-flags.ts";
import { applyStandalone } from "./standalone.ts";
import { FLAG_OPTIONS, originKey } from "./table.ts";
import { typedFields, typedFlags } from "./typed.ts";
import { validate } from "./validate.ts";
import { KUBERNETES_VERSION, renderVersion } from "./version.ts";
import { effectWarnings, flagWarnings, nodeIpWarnings, standaloneWarnings } from "./warnings.ts";

export type Loaded =
  | { readonly kind: "run"; readonly config: KubeletConfig }
  | { readonly kind: "help"; readonly text: string }
  | { readonly kind: "version"; readonly text: string };

/**
 * Works out the configuration of this run: defaults, the file, drop-ins and flags, in this order.
 * @throws KubeletError "config-invalid" with every problem found
 */
export async function loadConfig(deps: LoadDeps): Promise<Loaded> {
  const flags = parseFlags(deps.argv);
  if (flags.problems.length === 0 && flags.help) return { kind: "help", text: renderHelp() };
  if (flags.problems.length === 0 && (flags.version === "true" || flags.version === "raw")) {
    return { kind: "version", text: renderVersion(KUBERNETES_VERSION, flags.version === "raw") };
  }
  const draft = await readDraft(flags, deps);
  return { kind: "run", config: finish(draft, flags, deps.facts) };
}

/** Flags over the draft, standalone differences, then the checks; frozen. */
function finish(draft: Draft, flags: ParsedFlags, facts: HostFacts): KubeletConfig {
  const flagFields = applyFlags(draft, flags);
  const standalone = flagFields.kubeconfig === "";
  const applied = applyStandalone(draft.doc, draft.origins, standalone);
  const fields = applied.doc;
  const gate = judgeGates(gates.typed(fields.featureGates ?? {}));
  const kubelet = typedFields(fields);
  const found = [
    ...gate.problems,
    ...applied.problems,
    ...validate(fields, flagFields, { kubelet, gatesOn: gate.on, facts }),
  ];
  const problems = [...draft.problems, ...found.map((problem) => withOrigin(problem, applied.origins))];
  if (problems.length > 0) throw invalid(problems);

  const host = String(flagFields.hostnameOverride) || facts.hostname;
  const config: KubeletConfig = {
    kubelet,
    flags: typedFlags(flagFields),
    fields,
    flagFields,
    gatesOn: gate.on,
    origins: applied.origins,
    warnings: [
      ...draft.warnings,
      ...flagWarnings(flags),
      ...gate.warnings,
      ...nodeIpWarnings(String(flagFields.nodeIP)),
      ...effectWarnings(fields, flagFields, applied.origins),
      ...standaloneWarnings(fields, flagFields, { origins: applied.origins, standalone }),
    ],
    nodeName: host.trim().toLowerCase(),
    standalone,
    mainPort: applied.mainPort,
    version: flags.version.startsWith("v") ? flags.version : KUBERNETES_VERSION,
  };
  return deepFreeze(config);
}

/** Puts the flags into the draft; returns the values of those that are no field. */
function applyFlags(draft: Draft, flags: ParsedFlags): JsonObject {
  let flagFields: JsonObject = {};
  for (const [key, { fallback, flag }] of Object.entries(FLAG_OPTIONS)) {
    flagFields = { ...flagFields, [key]: fallback ?? "" };
    draft.origins.set(`--${flag}`, { kind: "default", where: "" });
  }
  for (const [name, { target, value }] of flags.values) {
    draft.origins.set(originKey(target), { kind: "flag", where: `--${name}` });
    if (target.kind === "flag") flagFields = { ...flagFields, [target.key]: value };
    else if (target.key !== "featureGates") draft.doc = withValue(draft.doc, target.key, value);
    else draft.doc = { ...draft.doc, featureGates: mergePatch(draft.doc.featureGates ?? {}, value) };
  }
  if (flagFields.seccompDefault === true && draft.doc.seccompDefault !== true) {
    draft.doc = { ...draft.doc, seccompDefault: true };
    draft.origins.set("seccompDefault", { kind: "flag", where: "--seccomp-default" });
  }
  return flagFields;
}

function withOrigin(problem: Problem, origins: ReadonlyMap<string, Origin>): Problem {
  const key = [...origins.keys()].find(
    (name) => problem.field === name || problem.field.startsWith(`${name}.`) || problem.field.startsWith(`${name}[`),
  );
  const origin = origins.get(key ?? "");
  if (!origin || origin.kind === "default" || origin.where === problem.field) return problem;
  return { ...problem, message: `${problem.message} (from ${origin.where})` };
}

function invalid(problems: readonly Problem[]): KubeletError {
  const lines = problems.map(({ field, message }) => `\n  ${field} ${message}`);
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  return new KubeletError(`Cannot start with this configuration, ${count}:${lines.join("")}`, {
    code: "config-invalid",
    problems,
  });
}
