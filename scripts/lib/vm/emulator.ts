/** A qemu process: one emulated PC with a disk, a serial console in a file, a port for the agent, and the control socket. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { dyingWithUs, stopChild } from "../run.ts";
import { waitFor } from "../wait.ts";
import { Agent } from "./agent.ts";
import type { VmImage } from "./image.ts";
import { AGENT_PORT } from "./image-files.ts";
import { openSocket, Qmp, type QmpEvent } from "./qmp.ts";

export const PROGRAM = "qemu-system-x86_64";
const MEMORY = "2G";

export interface EmulatorOptions {
  readonly image: VmImage;
  /** For sockets and the console's log; keep the path short: sockets in it may have 107 bytes. */
  readonly folder: string;
  /** A raw disk. */
  readonly disk: string;
  /** True: what the machine writes is gone when qemu ends. */
  readonly throwaway: boolean;
  /** A file with the state of a machine that ran on a copy of this disk; it goes on from there instead of booting. */
  readonly state?: string;
  readonly onEvent: (event: QmpEvent) => void;
}

/** Everything that a saved state depends on; part of its key. */
export const FORM: readonly string[] = [
  ...["-nodefaults", "-no-user-config", "-display", "none", "-no-shutdown"],
  ...["-machine", "pc-i440fx-7.2,usb=off,vmport=off"],
  // Software emulation: it is there on every machine, and a state saved on one processor goes on on another.
  ...["-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max", "-smp", "2", "-m", MEMORY],
  ...["-device", "virtio-blk-pci,drive=root", "-device", "virtio-serial-pci"],
  ...["-device", `virtserialport,chardev=agent,name=${AGENT_PORT}`, "-device", "virtio-rng-pci"],
];
/** The emulated processor has none of the flaws that the kernel would guard against at a price. */
const KERNEL_LINE =
  "console=ttyS0 root=/dev/vda rw net.ifnames=0 mitigations=off nopti tsc=reliable random.trust_cpu=on systemd.show_status=1";

export class Emulator implements AsyncDisposable {
  readonly agent: Agent;
  readonly qmp: Qmp;
  readonly #child: ChildProcess;
  readonly #consoleFile: string;

  private constructor(child: ChildProcess, consoleFile: string, qmp: Qmp, agent: Agent) {
    this.#child = child;
    this.#consoleFile = consoleFile;
    this.qmp = qmp;
    this.agent = agent;
  }

  /** A qemu whose machine runs: from its first instruction, or from the saved state. */
  static async start(options: EmulatorOptions): Promise<Emulator> {
    const { image, folder, disk, throwaway, state } = options;
    const at = (name: string) => join(folder, name);
    const drive = `file=${disk},if=none,id=root,format=raw,cache=unsafe,discard=unmap,snapshot=${throwaway ? "on" : "off"}`;
    const [command, args] = dyingWithUs(PROGRAM, [
      ...FORM,
      ...["-drive", drive],
      ...["-chardev", `socket,id=agent,path=${at("agent")},server=on,wait=off`],
      ...["-chardev", `file,id=console,path=${at("console")}`, "-serial", "chardev:console"],
      ...["-chardev", `socket,id=qmp,path=${at("qmp")},server=on,wait=off`, "-mon", "chardev=qmp,mode=control"],
      ...["-kernel", image.kernel, "-initrd", image.initrd, "-append", KERNEL_LINE],
      ...(state === undefined ? ["-S"] : ["-incoming", "defer"]),
    ]);
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
    let words = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      words = (words + text).slice(-4000);
    });
    let failure: Error | undefined;
    child.on("error", (error) => {
      failure = error;
    });
    const isUp = () => {
      if (failure !== undefined || child.exitCode !== null) return true;
      return existsSync(at("qmp")) && existsSync(at("agent"));
    };
    try {
      await waitFor(`${PROGRAM} to start`, isUp, { timeout: 30_000, interval: 10, explain: () => words });
      if (failure !== undefined) throw new Error(`${PROGRAM} could not be started: ${failure.message}`);
      if (child.exitCode !== null) throw new Error(`${PROGRAM} ended with code ${child.exitCode}: ${words}`);
      // The agent's side before the machine runs: a machine that finds nobody there would have to be told later.
      const agent = new Agent(await openSocket(at("agent")));
      const qmp = await Qmp.connect(at("qmp"), options.onEvent);
      const emulator = new Emulator(child, at("console"), qmp, agent);
      if (state !== undefined) await emulator.#load(state);
      await qmp.run("cont");
      return emulator;
    } catch (error) {
      if (child.pid !== undefined) await stopChild(child, 0);
      throw error;
    }
  }

  /** The last lines of the serial console. */
  console(lines = 20): string {
    if (!existsSync(this.#consoleFile)) return "(nothing)";
    const text = readFileSync(this.#consoleFile, "utf8");
    // Without the colours and the carriage returns.
    return stripVTControlCharacters(text).replaceAll("\r", "").trimEnd().split("\n").slice(-lines).join("\n");
  }

  /** Stops the machine and writes its whole state to a file. */
  async save(file: string): Promise<void> {
    await this.qmp.run("stop");
    await this.qmp.run("migrate-set-parameters", { "max-bandwidth": 100_000_000_000 });
    await this.qmp.run("migrate", { uri: `exec:cat > '${file}'` });
    await this.#migrated("the state of the machine to be written", ["completed"]);
  }

  async #load(file: string): Promise<void> {
    await this.qmp.run("migrate-incoming", { uri: `exec:cat '${file}'` });
    await this.#migrated("the state of the machine to be read", ["completed"]);
  }

  async #migrated(what: string, done: readonly string[]): Promise<void> {
    let failed: string | undefined;
    const look = async () => {
      const { status = "none", "error-desc": why } = (await this.qmp.run("query-migrate")) as {
        status?: string;
        "error-desc"?: string;
      };
      if (status === "failed") failed = why ?? "failed";
      return failed !== undefined || done.includes(status);
    };
    await waitFor(what, look, { timeout: 60_000, interval: 20 });
    if (failed !== undefined) throw new Error(`waited for ${what}: ${failed}`);
  }

  /** Ends qemu. What the machine had not written is lost. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.agent.fail(new Error("the virtual machine was ended"));
    await stopChild(this.#child, 2000);
    this.qmp[Symbol.dispose]();
  }
}
