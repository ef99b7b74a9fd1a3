import { messageOf } from "../base/fault.ts";
import type { CarryOutDeps } from "./carry-out.ts";
import { Installation } from "./carry-out.ts";
import { decodeRecord, type InstallRecord, RECORD_PATH } from "./record.ts";
import { UNIT, type Wanted, type Wish } from "./wish.ts";

export interface InstallOptions {
  readonly wish: Wish;
  readonly wanted: Wanted;
  /** Of a complete installation that is there. */
  readonly before: InstallRecord | undefined;
  readonly head: Omit<InstallRecord, "done" | "complete">;
  /** SHA-256 of a text, in hex. */
  readonly digest: (text: string) => string;
  /** kubeadm mode: nothing to start before kubeadm has written its files. */
  readonly startable: boolean;
}

/** The record of what is installed here; undefined: nothing. @throws KubeletError for one that can't be used */
export async function readRecord({ host }: Pick<CarryOutDeps, "host">): Promise<InstallRecord | undefined> {
  const text = await host.read(RECORD_PATH);
  return text === undefined ? undefined : decodeRecord(text);
}

/** Is everything as it would be after an installation? */
export async function isInstalled(
  { wanted, before, digest }: InstallOptions,
  { host }: CarryOutDeps,
): Promise<boolean> {
  if (before === undefined || (await host.sha256(wanted.executable)) !== (await host.sha256())) return false;
  for (const { path, content, yours } of wanted.files) {
    const there = await host.sha256(path);
    if (there === undefined || (!yours && there !== digest(content))) return false;
  }
  const enabled = before.done.some(({ what }) => what === "enabled");
  return (
    enabled &&
    (await Promise.all(wanted.directories.map(({ path }) => host.kind(path)))).every((kind) => kind === "directory")
  );
}

/**
 * Installs, step by step. When one fails, all that was done is undone.
 * @throws the failure, with what could not be undone
 */
export async function install(options: InstallOptions, deps: CarryOutDeps, signal: AbortSignal): Promise<void> {
  const { wish, wanted, before, head, digest, startable } = options;
  const { host, say } = deps;
  const work = new Installation(head, before, deps);
  try {
    const sha256 = (await host.sha256()) ?? "";
    if (await host.isExecutable(wanted.executable)) work.keep(wanted.executable);
    else await work.executable(wanted.executable, sha256);
    for (const { path, mode } of wanted.directories) await work.directory(path, mode);
    for (const { path, content, mode, yours = false } of wanted.files) {
      signal.throwIfAborted();
      if (yours && (await host.kind(path)) !== undefined) {
        work.keep(path);
        say(`kept ${path}, which was there`);
      } else await work.file(path, content, mode, { sha256: digest(content), yours });
    }
    await work.dropRest();
    signal.throwIfAborted();
    await work.enable(UNIT);
    if (startable) await work.start(UNIT, signal);
    await work.finish();
  } catch (error) {
    const left = await work.rollBack();
    say(left.length === 0 ? "undid all of it: nothing is installed that was not before" : "undid what could be undone");
    if (left.length === 0) throw error;
    throw new Error(`${messageOf(error)}\nand could not undo everything:\n  ${left.join("\n  ")}`, { cause: error });
  }
  if (!startable && wish.start) say(`${UNIT} is not started yet: kubeadm init or kubeadm join does it`);
}
