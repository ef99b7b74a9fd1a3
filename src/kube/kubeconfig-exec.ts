import { EXEC_API_VERSIONS, type ExecApiVersion, type ExecPlugin } from "../model/api-user.ts";
import type { FieldReader } from "./kubeconfig-fields.ts";

const V1: ExecApiVersion = "client.authentication.k8s.io/v1";
const MODES = ["Never", "IfAvailable", "Always"];
// biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal would act on
const CONTROL = /[\0-\x08\x0b-\x1f\x7f-\x9f]/g;

/** Reads `exec` of a user. `execConfig`: what the cluster's extension says for plugins. */
export function execPluginOf(
  exec: FieldReader,
  inFolder: (path: string) => string,
  execConfig: unknown,
): ExecPlugin | undefined {
  const command = exec.required("command");
  const apiVersion = exec.required("apiVersion");
  const mode = exec.text("interactiveMode");
  const args = exec.texts("args");
  const env = exec.objects("env").map((entry) => {
    const name = entry.required("name") ?? "";
    const value = entry.text("value") ?? "";
    entry.done();
    if (/[=\0]/.test(name)) entry.problem("name", 'must not contain "="');
    if (value.includes("\0")) entry.problem("value", "must not contain the character 0");
    return { name, value };
  });
  const installHint = exec.text("installHint") ?? "";
  const provideClusterInfo = exec.flag("provideClusterInfo");
  exec.done();
  if (apiVersion !== undefined && !isKnown(apiVersion))
    exec.problem("apiVersion", `must be one of ${EXEC_API_VERSIONS.join(", ")}`);
  if (mode === undefined && apiVersion === V1)
    exec.problem("interactiveMode", `is required by ${V1}: Never or IfAvailable`);
  if (mode !== undefined && !MODES.includes(mode))
    exec.problem("interactiveMode", `must be one of ${MODES.join(", ")}`);
  if (mode === "Always") exec.problem("interactiveMode", "Always needs a terminal, which a kubelet has not: use Never");
  if (args.some((arg) => arg.includes("\0"))) exec.problem("args", "must not contain the character 0");
  if (command === undefined || apiVersion === undefined || !isKnown(apiVersion)) return undefined;
  return {
    apiVersion,
    // A bare name is looked up in PATH.
    command: command.includes("/") ? inFolder(command) : command,
    args,
    env,
    installHint: installHint.replace(CONTROL, ""),
    clusterInfo: provideClusterInfo ? { config: execConfig } : undefined,
  };
}

const isKnown = (text: string): text is ExecApiVersion => (EXEC_API_VERSIONS as readonly string[]).includes(text);
