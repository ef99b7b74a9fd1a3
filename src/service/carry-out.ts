import { dirname } from "node:path";
import { KubeletError, messageOf } from "../base/fault.ts";
import type { HostSetup } from "../ports/host-setup.ts";
import { type Done, encodeRecord, type InstallRecord, RECORD_FOLDER, RECORD_PATH } from "./record.ts";
import { unitPath } from "./wish.ts";

export interface CarryOutDeps {
  readonly host: HostSetup;
  /** `systemctl` options for another root than this machine's. */
  readonly systemctl: readonly string[];
  /** One line for people, on what was done. */
  readonly say: (line: string) => void;
}

/** What an earlier installation put there lies here until the new one stands. */
const ASIDE = ".before-install";

/**
 * Does the steps of an installation, each written down before it is done, so that whatever was done can be undone: at once when a later step fails, or by
 * `kubelet uninstall` when this process was killed.
 */
export class Installation {
  readonly #deps: CarryOutDeps;
  readonly #head: Omit<InstallRecord, "done" | "complete">;
  readonly #before: InstallRecord | undefined;
  readonly #done: Done[] = [];
  /** Files of `#before` that were put aside. */
  readonly #aside: string[] = [];

  constructor(head: Omit<InstallRecord, "done" | "complete">, before: InstallRecord | undefined, deps: CarryOutDeps) {
    this.#head = head;
    this.#before = before;
    this.#deps = deps;
  }

  async directory(path: string, mode: number): Promise<void> {
    const { host, say } = this.#deps;
    const made = await host.makeDirectory(path, mode);
    for (const each of made) await this.#writeDown({ what: "directory", path: each });
    this.#keepFrom((done) => done.what === "directory" && isAtOrAbove(done.path, path));
    if (made.length > 0) say(`made ${path}`);
  }

  async executable(path: string, sha256: string): Promise<void> {
    const { host, say } = this.#deps;
    await this.directory(dirname(path), 0o755);
    await this.#writeDown({ what: "file", path, sha256 });
    await this.#putAside(path);
    await host.copyExecutable(path);
    if ((await host.sha256(path)) !== sha256) {
      throw new KubeletError(`Cannot copy ${host.executable} to ${path}: what arrived is not what was sent`, {
        code: "file-failed",
        path,
        errno: "EIO",
      });
    }
    say(`copied ${host.executable} to ${path}`);
  }

  /** @param sha256 of the content */
  async file(
    path: string,
    content: string,
    mode: number,
    { sha256, yours }: { sha256: string; yours: boolean },
  ): Promise<void> {
    const { host, say } = this.#deps;
    await this.directory(dirname(path), 0o755);
    await this.#writeDown({ what: "file", path, sha256, ...(yours ? { yours } : {}) });
    if (!yours) await this.#putAside(path);
    await host.write(path, content, mode);
    say(`wrote ${path}`);
  }

  /** What an earlier installation did and this one leaves as it is: it stays ours to undo. */
  keep(path: string): void {
    this.#keepFrom((done) => done.what === "file" && done.path === path);
  }

  /** What an earlier installation put there and this one does not want goes, but for what is yours. Call it after all files. */
  async dropRest(): Promise<void> {
    this.#keepFrom((done) => done.what !== "file" || done.yours === true);
    for (const done of this.#before?.done ?? []) {
      if (done.what !== "file" || this.#isDone(done)) continue;
      await this.#putAside(done.path);
      this.#deps.say(`removed ${done.path}`);
    }
  }

  async enable(unit: string): Promise<void> {
    await this.#systemctl("daemon-reload");
    await this.#writeDown({ what: "enabled", unit });
    await this.#systemctl("enable", unit);
    this.#deps.say(`enabled ${unit}: it starts with the machine`);
  }

  async start(unit: string, signal: AbortSignal): Promise<void> {
    const { host, say } = this.#deps;
    await this.#writeDown({ what: "started", unit });
    const verb = this.#before === undefined ? "start" : "restart";
    const end = await host.run("systemctl", [verb, unit], signal);
    if (end?.code !== 0) {
      const said = await host.run("journalctl", ["--unit", unit, "--lines=15", "--no-pager", "--output=cat"], signal);
      throw new KubeletError(
        `Cannot ${verb} ${unit}: ${end?.text ?? "there is no systemctl"}${said?.text ? `\n${said.text}` : ""}`,
        {
          code: "start-refused",
          what: unit,
        },
      );
    }
    say(`${verb}ed ${unit}`);
  }

  /** The installation stands: from here on it is undone by `kubelet uninstall` only. */
  async finish(): Promise<void> {
    await this.#save(true);
    for (const path of this.#aside) await this.#deps.host.remove(path + ASIDE);
  }

  /** As it was before. Goes on after what fails, and returns those failures. */
  async rollBack(): Promise<readonly string[]> {
    const { host } = this.#deps;
    const mine = this.#done.filter((done) => !this.#wasDone(done));
    const problems = [...(await undo(mine, { ...this.#deps, say: () => {} }))];
    const attempt = async (work: () => Promise<unknown>) => work().catch((error) => problems.push(messageOf(error)));
    for (const path of this.#aside) await attempt(() => host.rename(path + ASIDE, path));
    const before = this.#before;
    if (before === undefined) {
      await attempt(() => forgetRecord(host));
      return problems;
    }
    await attempt(() => host.write(RECORD_PATH, encodeRecord(before), 0o600));
    await attempt(() => this.#systemctl("daemon-reload"));
    for (const done of before.done)
      if (done.what === "started") await attempt(() => this.#systemctl("restart", done.unit));
    return problems;
  }

  #wasDone(done: Done): boolean {
    return this.#before?.done.some((other) => keyOf(other) === keyOf(done)) ?? false;
  }

  #isDone(done: Done): boolean {
    return this.#done.some((other) => keyOf(other) === keyOf(done));
  }

  #keepFrom(isKept: (done: Done) => boolean): void {
    for (const done of this.#before?.done ?? []) if (isKept(done) && !this.#isDone(done)) this.#done.push(done);
  }

  async #putAside(path: string): Promise<void> {
    if (!this.#before?.done.some((done) => done.what === "file" && done.path === path)) return;
    if ((await this.#deps.host.kind(path)) === undefined) return;
    await this.#deps.host.rename(path, path + ASIDE);
    this.#aside.push(path);
  }

  async #writeDown(done: Done): Promise<void> {
    const at = this.#done.findIndex((other) => keyOf(other) === keyOf(done));
    if (at < 0) this.#done.push(done);
    else this.#done[at] = done;
    await this.#save(false);
  }

  async #save(complete: boolean): Promise<void> {
    const { host } = this.#deps;
    await host.makeDirectory(RECORD_FOLDER, 0o700);
    const rest = complete ? [] : (this.#before?.done.filter((done) => !this.#isDone(done)) ?? []);
    await host.write(RECORD_PATH, encodeRecord({ ...this.#head, complete, done: [...rest, ...this.#done] }), 0o600);
  }

  async #systemctl(...words: readonly string[]): Promise<void> {
    await systemctl(words, this.#deps);
  }
}

const keyOf = (done: Done): string => `${done.what} ${"path" in done ? done.path : done.unit}`;

const isAtOrAbove = (directory: string, path: string): boolean => `${path}/`.startsWith(`${directory}/`);

/** Never ends by itself: to be used where a signal is not at hand, for what is short. */
const NEVER = new AbortController().signal;

/** How systemctl ends for a unit that is not loaded: the LSB's "program is not installed". */
const NOT_LOADED = 5;

/** `isFine`: whether an end other than 0 is none to complain of. */
async function systemctl(
  words: readonly string[],
  { host, systemctl: options }: CarryOutDeps,
  isFine: (code: number) => Promise<boolean> = async () => false,
): Promise<void> {
  // Another root has no manager that could load anything.
  if (words[0] === "daemon-reload" && options.length > 0) return;
  const end = await host.run("systemctl", [...options, ...words], NEVER);
  if (end?.code === 0 || (end && (await isFine(end.code)))) return;
  throw new KubeletError(`systemctl ${words.join(" ")} failed: ${end?.text ?? "there is no such program"}`, {
    code: "start-refused",
    what: "systemctl",
  });
}

/**
 * Undoes in the reverse order; what people changed stays and is told. Goes on after what fails, and returns those failures. May be repeated: what was
 * undone before, by a try that failed or was cut short, is no failure.
 */
export async function undo(done: readonly Done[], deps: CarryOutDeps): Promise<readonly string[]> {
  const problems: string[] = [];
  let reload = false;
  for (const one of [...done].reverse()) {
    try {
      reload ||= one.what === "enabled";
      await undoOne(one, deps);
    } catch (error) {
      problems.push(messageOf(error));
    }
  }
  if (reload) await systemctl(["daemon-reload"], deps).catch((error) => problems.push(messageOf(error)));
  return problems;
}

async function undoOne(done: Done, deps: CarryOutDeps): Promise<void> {
  const { host, say } = deps;
  switch (done.what) {
    case "started":
      await systemctl(["stop", done.unit], deps, async (code) => code === NOT_LOADED);
      // One that failed would stay in the list of units.
      await host.run("systemctl", ["reset-failed", done.unit], NEVER);
      return say(`stopped ${done.unit}; its pods keep running`);
    case "enabled":
      await systemctl(["disable", done.unit], deps, async () => (await host.kind(unitPath(done.unit))) === undefined);
      return say(`disabled ${done.unit}`);
    case "directory":
      if (await host.removeEmptyDirectory(done.path)) say(`removed ${done.path}`);
      else say(`kept ${done.path}: something is in it`);
      return;
    case "file": {
      const now = await host.sha256(done.path);
      await host.remove(done.path + ASIDE);
      if (now === undefined) return;
      if (now !== done.sha256 && done.yours) return say(`kept ${done.path}: you have changed it`);
      if (now === done.sha256) {
        await host.remove(done.path);
        return say(`removed ${done.path}`);
      }
      await host.rename(done.path, `${done.path}.changed`);
      return say(`removed ${done.path}; as it was changed since, it is kept as ${done.path}.changed`);
    }
  }
}

export async function forgetRecord(host: HostSetup): Promise<void> {
  await host.remove(RECORD_PATH);
  await host.removeEmptyDirectory(RECORD_FOLDER);
}
