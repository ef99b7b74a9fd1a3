import { KubeletError } from "../base/fault.ts";
import { forgetRecord, RECORD_PATH, readRecord, undo } from "../service/index.ts";
import { parseVerbArgs } from "./args.ts";
import { VerbError, type VerbIo } from "./io.ts";

/** `kubelet uninstall`: undoes what `kubelet install` wrote down, in the reverse order. */
export async function uninstallVerb(argv: readonly string[], io: VerbIo, signal: AbortSignal): Promise<number> {
  const { options, words } = parseVerbArgs(argv, { purge: { type: "boolean" }, root: { type: "string" } });
  if (words.length > 0)
    throw new VerbError(`Cannot use ${JSON.stringify(words[0])}: it is \`kubelet uninstall [--purge] [--root DIR]\``);
  const root = options.root === "/" ? "" : (options.root ?? "").replace(/\/+$/, "");
  if (root !== "" && !root.startsWith("/")) throw new VerbError("Cannot use --root: give an absolute path");
  if (root !== "" && options.purge) throw new VerbError("Cannot use --purge with --root: no pods run there");
  const host = (await io.host()).setup(root);
  if (root === "" && !host.superuser)
    throw new VerbError("Cannot uninstall the kubelet: you are not root: run it with sudo");
  const record = await readRecord({ host });
  if (record === undefined) {
    throw new VerbError(
      `Nothing to uninstall: ${RECORD_PATH}, where kubelet install writes down what it did, is not there; a package is removed with apt-get remove kubelet`,
    );
  }
  const lines: string[] = [];
  const say = (line: string) => lines.push(line);
  const problems = await undo(record.done, { host, systemctl: root === "" ? [] : [`--root=${root}`], say });
  if (problems.length > 0) {
    await io.write(lines.map((line) => `${line}\n`).join(""));
    throw new VerbError(
      `Not everything could be undone; ${RECORD_PATH} stays, so that you can try again:\n${problems.map((one) => `  ${one}`).join("\n")}`,
    );
  }
  if (options.purge) {
    const rootDir = io.env.KUBELET_ROOT ?? options["root-dir"] ?? "/var/lib/kubelet";
    lines.push(...(await purged(rootDir, io, signal)));
  } else if (root === "")
    lines.push(
      `Pods that ran go on, and /var/lib/kubelet stays; \`kubelet install\` takes them up again, and \`kubelet uninstall --purge\` would have ended them`,
    );
  // Last: with it the same command can be given again, whatever cut this one short.
  await forgetRecord(host);
  await io.write(lines.map((line) => `${line}\n`).join(""));
  return 0;
}

async function purged(rootDir: string, io: VerbIo, signal: AbortSignal): Promise<readonly string[]> {
  try {
    return await (await io.host()).purge(rootDir, signal);
  } catch (error) {
    if (error instanceof KubeletError)
      throw new VerbError(`The service is gone, but ${error.message}`, { cause: error });
    throw error;
  }
}
