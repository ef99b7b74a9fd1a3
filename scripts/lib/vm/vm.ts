/**
 * A virtual machine for a test: Debian 12 with systemd, cgroup v2 and containerd, without a network. Use it as `await using vm = await bootVm()`; at the end of
 * the scope nothing of it is left. Each machine starts from the same saved state and changes only its own copy.
 */
import { copyFileSync, linkSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { run } from "../run.ts";
import { waitFor } from "../wait.ts";
import { type AgentResult, TIMED_OUT } from "./agent.ts";
import { BOOT_MS, waitForBoot } from "./boot.ts";
import { Emulator } from "./emulator.ts";
import type { QmpEvent } from "./qmp.ts";
import { ensureSnapshot } from "./snapshot.ts";

/** Where the files of `BootOptions.files` are, read-only. */
export const SHARE = "/share";
const COMMAND_S = 60;
/** For an emulated machine on a busy one: only then is it taken for dead. */
const DEAF_S = 60;

export interface BootOptions {
  /** Files of this machine that the virtual one has below /share, by their name there: `{ "kubelet.deb": "/…/dist/kubelet_1.0_amd64.deb" }`. */
  readonly files?: Readonly<Record<string, string>>;
  /** False: it boots from the start instead of going on from the saved state. */
  readonly fromSnapshot?: boolean;
}

export interface VmResult {
  /** 128 + N after signal N. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface VmRunOptions {
  /** Milliseconds after which the command is killed and the call fails; 60 s when not given. */
  readonly timeout?: number;
  /** Its standard input. */
  readonly input?: string | Uint8Array;
}

/** A machine that answers. */
export async function bootVm(options: BootOptions = {}): Promise<Vm> {
  return await Vm.boot(options);
}

export class Vm implements AsyncDisposable {
  readonly #folder: string;
  readonly #events: string[] = [];
  #emulator: Emulator | undefined;
  #hasShare = false;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async boot({ files = {}, fromSnapshot = true }: BootOptions): Promise<Vm> {
    const { image, disk, state } = await ensureSnapshot();
    const vm = new Vm(mkdtempSync(join(tmpdir(), "kubelet-ts-vm-")));
    try {
      const share = Object.keys(files).length === 0 ? undefined : makeShare(vm.#folder, files);
      vm.#emulator = await Emulator.start({
        image,
        folder: vm.#folder,
        disk: fromSnapshot ? disk : image.disk,
        throwaway: true,
        onEvent: (event) => vm.#onEvent(event),
        ...(fromSnapshot ? { state } : {}),
      });
      if (!fromSnapshot) await waitForBoot(vm.#emulator);
      // Its clock stood still since it was saved.
      await vm.run(`date -s @${Date.now() / 1000}`);
      if (share !== undefined) await vm.#attachShare(await share);
      return vm;
    } catch (error) {
      await vm[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs a line of bash as root and returns its standard output. Throws with everything that is known unless it ends with 0. */
  async run(line: string, options: VmRunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.tryRun(line, options);
    if (code === 0) return stdout;
    throw new Error(`"${line}" ended with ${code} in the virtual machine\n${stdout}${stderr}\n${this.#console()}`);
  }

  /** Runs a line of bash as root, whatever its exit code. Throws when it takes too long or the machine goes down. */
  async tryRun(line: string, options: VmRunOptions = {}): Promise<VmResult> {
    const { code, stdout, stderr } = await this.#command(line, options);
    return { code, stdout: stdout.toString(), stderr: stderr.toString() };
  }

  /** Writes a file, and the folders above it. For what is larger than some megabytes, `files` of bootVm() is faster. */
  async write(path: string, content: string | Uint8Array, mode = "644"): Promise<void> {
    await this.run(`mkdir -p '${dirname(path)}' && cat > '${path}' && chmod ${mode} '${path}'`, { input: content });
  }

  async read(path: string): Promise<string> {
    return await this.run(`cat '${path}'`);
  }

  async readBytes(path: string): Promise<Buffer> {
    const { code, stdout, stderr } = await this.#command(`cat '${path}'`, {});
    if (code !== 0) throw new Error(`read ${path} in the virtual machine: ${stderr}`);
    return stdout;
  }

  /** Asks until a line of bash ends with 0, and returns its standard output. `what` completes "waited 60 s for …". */
  async until(what: string, line: string, timeout = 60_000): Promise<string> {
    let last: VmResult | undefined;
    const look = async () => {
      last = await this.tryRun(line);
      return last.code === 0 && last;
    };
    const explain = () => `"${line}" ended with ${last?.code}\n${last?.stdout}${last?.stderr}\n${this.#console()}`;
    return (await waitFor(what, look, { timeout, interval: 250, explain })).stdout;
  }

  /** `systemctl reboot`, and a machine that answers again. */
  async reboot(): Promise<void> {
    const before = this.#count("RESET");
    await this.#leave("systemctl reboot", "reboot");
    await this.#until("the machine to go down for a reboot", () => this.#count("RESET") > before);
    await this.#comeBack();
  }

  /** As if the plug were pulled and put in again. What was not written to the disk is lost. */
  async cutPower(): Promise<void> {
    this.#running.agent.reset("the power of the virtual machine was cut");
    await this.#running.qmp.run("system_reset");
    await this.#comeBack();
  }

  /** Powers the machine off by `line`, and waits until it is off. start() switches it on again, with its disk as it was left. */
  async poweroff(line = "systemctl poweroff", timeout = BOOT_MS): Promise<void> {
    const before = this.#count("SHUTDOWN");
    await this.#leave(line, "power off");
    await this.#until("the machine to be off", () => this.#count("SHUTDOWN") > before, timeout);
  }

  /** Switches it on after poweroff(). */
  async start(): Promise<void> {
    await this.#running.qmp.run("system_reset");
    await this.#running.qmp.run("cont");
    await this.#comeBack();
  }

  /** A command of qemu's machine protocol: devices that come while the machine runs. Throws with qemu's words. */
  async control(command: string, parameters: Readonly<Record<string, unknown>>): Promise<unknown> {
    return await this.#running.qmp.run(command, parameters);
  }

  /** What a reader of a failure wants: the console's end and the newest of the journal. */
  async explain(): Promise<string> {
    const journal = await this.tryRun("journalctl --no-pager -o short-monotonic -n 60 | cut -c1-300", {
      timeout: 30_000,
    }).catch((error) => ({ stdout: `(no journal: ${error})` }));
    return `${this.#console()}\nthe end of its journal:\n${journal.stdout}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#emulator?.[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #running(): Emulator {
    if (this.#emulator === undefined) throw new TypeError("the virtual machine does not run");
    return this.#emulator;
  }

  async #command(line: string, { timeout = COMMAND_S * 1000, input }: VmRunOptions) {
    const limit = timeout / 1000;
    const bytes = typeof input === "string" ? Buffer.from(input) : input;
    const deaf = Promise.withResolvers<never>();
    const why = () =>
      new Error(`the virtual machine said nothing for ${limit + DEAF_S} s after "${line}"\n${this.#console()}`);
    const timer = setTimeout(() => deaf.reject(why()), (limit + DEAF_S) * 1000);
    let result: AgentResult;
    try {
      result = await Promise.race([this.#running.agent.run(line, limit, bytes), deaf.promise]);
    } finally {
      clearTimeout(timer);
    }
    if (result.code !== TIMED_OUT) return result;
    const said = `${result.stdout}${result.stderr}`;
    throw new Error(
      `"${line}" did not end within ${limit} s in the virtual machine; killed\n${said}\n${await this.explain()}`,
    );
  }

  /** Gives a command under which the machine goes away. */
  async #leave(line: string, what: string): Promise<void> {
    const left = this.#running.agent.run(line, COMMAND_S);
    const result = await left.catch(() => undefined);
    if (result !== undefined && result.code !== 0)
      throw new Error(`${what}: "${line}" ended with ${result.code}: ${result.stdout}${result.stderr}`);
  }

  async #comeBack(): Promise<void> {
    await waitForBoot(this.#running);
    if (this.#hasShare) await this.#mountShare();
  }

  #onEvent({ event }: QmpEvent): void {
    this.#events.push(event);
    if (event === "RESET" || event === "SHUTDOWN") this.#emulator?.agent.reset("the virtual machine went down");
  }

  #count(event: string): number {
    return this.#events.filter((one) => one === event).length;
  }

  async #until(what: string, probe: () => boolean, timeout = BOOT_MS): Promise<void> {
    await waitFor(what, probe, { timeout, explain: () => this.#console() });
  }

  async #attachShare(file: string): Promise<void> {
    const { qmp } = this.#running;
    const disk = { driver: "file", filename: file, "read-only": true };
    await qmp.run("blockdev-add", { driver: "raw", "node-name": "share", "read-only": true, file: disk });
    await qmp.run("device_add", { driver: "virtio-blk-pci", id: "share", drive: "share", serial: "share" });
    this.#hasShare = true;
    await this.#mountShare();
  }

  async #mountShare(): Promise<void> {
    const device = "/dev/disk/by-id/virtio-share";
    await this.until("the disk with the test's files to appear", `test -b ${device}`);
    await this.run(`mkdir -p ${SHARE} && mount -o ro ${device} ${SHARE}`);
  }

  #console(): string {
    return `the end of its console:\n${this.#emulator?.console() ?? "(it was not started)"}`;
  }
}

/** An ext4 with the files, made without a mount. */
async function makeShare(folder: string, files: Readonly<Record<string, string>>): Promise<string> {
  const staging = join(folder, "share");
  for (const [name, file] of Object.entries(files)) {
    mkdirSync(join(staging, dirname(name)), { recursive: true });
    const to = join(staging, dirname(name), basename(name));
    try {
      linkSync(file, to);
    } catch {
      // On another file system.
      copyFileSync(file, to);
    }
  }
  const kib = Number((await run("du", ["-skL", staging])).split("\t")[0]);
  const disk = join(folder, "share.raw");
  const size = `${Math.ceil(kib * 1.1) + 16 * 1024}k`;
  await run("mke2fs", ["-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d", staging, disk, size]);
  rmSync(staging, { recursive: true });
  return disk;
}
