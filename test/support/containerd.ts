/**
 * A private containerd for tests that give the kubelet an endpoint: Debian's 1.6 or 2.4 from its Go module, in a scratch folder. (The kubelet's own embedded
 * containerd is another matter: src/adapters/containerd.)
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { imageArchive, pauseImage } from "../../scripts/lib/images.ts";
import { dyingWithUs, run, stopChild, tryRun } from "../../scripts/lib/run.ts";
import { waitFor } from "../../scripts/lib/wait.ts";
import { ensureTool } from "../../scripts/tools.ts";
import { configFor, type Release } from "./containerd-config.ts";
import { remainsOf, removeRemains } from "./containerd-remains.ts";

export type { Release };
/** For tests that hold for every runtime: `for (const release of RELEASES) test(...)`. */
export const RELEASES: readonly Release[] = ["1.6", "2.4"];

/** The reference of the sandbox image that every Containerd has from the start. */
export const SANDBOX_IMAGE = "registry.local/pause:1";

export interface ContainerdOptions {
  readonly release: Release;
  /** Holds configuration, state, images, CNI data and the log. Keep the path short: sockets in it may have 107 bytes. */
  readonly folder: string;
  /** For each host name in image references, the plain-HTTP address that serves it: `{ "registry.local": registry.address }`. */
  readonly registries?: Readonly<Record<string, string>>;
  /** Addresses for pods. Give none to have a runtime without a pod network, which reports NetworkReady false. */
  readonly podCidr?: string;
  /** Of the pod network; several runtimes in one network namespace need different ones. */
  readonly bridge?: string;
}

export class Containerd {
  readonly release: Release;
  readonly folder: string;
  /** "unix:///.../containerd.sock" */
  readonly endpoint: string;
  readonly #bin: string;
  #child: ChildProcess | undefined;

  private constructor({ release, folder }: ContainerdOptions, bin: string) {
    this.release = release;
    this.folder = folder;
    this.endpoint = `unix://${join(folder, "containerd.sock")}`;
    this.#bin = bin;
  }

  /** A containerd that answers and has the sandbox image. */
  static async start(options: ContainerdOptions): Promise<Containerd> {
    const bin = options.release === "1.6" ? "/usr/bin" : await ensureTool("containerd");
    const containerd = new Containerd(options, bin);
    await containerd.#configure(options);
    await containerd.start();
    const archive = containerd.#file("pause.tar");
    writeFileSync(archive, await imageArchive(await pauseImage(), SANDBOX_IMAGE));
    await containerd.ctr("images", "import", archive);
    return containerd;
  }

  /** Starts again after kill() or stop(): containers that kept running are adopted. */
  async start(): Promise<void> {
    if (this.#child !== undefined) return;
    const before = this.log().length;
    const log = openSync(this.#file("containerd.log"), "a");
    // Its own folder comes first on PATH: there it finds the shim of its own release.
    const env = { ...process.env, PATH: `${this.#bin}:${process.env.PATH}` };
    const [command, args] = dyingWithUs(join(this.#bin, "containerd"), ["--config", this.#file("config.toml")]);
    const child = spawn(command, args, {
      stdio: ["ignore", log, log],
      env,
    });
    closeSync(log);
    this.#child = child;
    await waitFor(`containerd ${this.release} to answer`, () => this.#answers(child), {
      timeout: 60_000,
      explain: () => `end of ${this.#file("containerd.log")}:\n${this.log().slice(-3000)}`,
    });
    // It goes on without a plugin that fails, say because the machine has no inotify instance left (fs.inotify.max_user_instances).
    const failed = this.log()
      .slice(before)
      .split("\n")
      .find((line) => /failed to load plugin/.test(line) && /\bcri\b/.test(line));
    if (failed === undefined) return;
    await this.stop();
    throw new Error(`containerd ${this.release} came up without its CRI: ${failed}`);
  }

  /** Ends the daemon; containers and their shims keep running, as in an upgrade. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child !== undefined) await stopChild(child);
  }

  /** Kills the daemon without a word. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.stop();
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Runs `ctr` in Kubernetes' namespace and returns its output. */
  async ctr(...args: readonly string[]): Promise<string> {
    return await run(join(this.#bin, "ctr"), ["-a", this.#file("containerd.sock"), "-n", "k8s.io", ...args], {
      timeout: 60_000,
    });
  }

  /** Pulls by the same registry configuration that the CRI uses. `ctr` has no other way to be told. */
  async pull(reference: string): Promise<void> {
    await this.ctr("images", "pull", "--hosts-dir", this.#file("hosts"), reference);
  }

  /** Everything the daemon has printed. */
  log(): string {
    const file = this.#file("containerd.log");
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  /** Ends the daemon, every container, shim, mount and network namespace it made. The folder itself is the caller's. */
  async [Symbol.asyncDispose](): Promise<void> {
    const remains = remainsOf(this.folder);
    await this.stop();
    await removeRemains(remains);
  }

  #file(name: string): string {
    return join(this.folder, name);
  }

  async #configure(options: ContainerdOptions): Promise<void> {
    mkdirSync(this.#file("cni"), { recursive: true });
    const runc = (await run("sh", ["-c", "command -v runc"])).trim();
    writeFileSync(
      this.#file("config.toml"),
      configFor(options.release, { folder: options.folder, runc, sandboxImage: SANDBOX_IMAGE }),
    );
    if (options.podCidr !== undefined)
      writeFileSync(
        this.#file("cni/10-pods.conflist"),
        podNetwork(options.podCidr, options.bridge ?? "cni0", this.#file("ipam")),
      );
    for (const [host, address] of Object.entries(options.registries ?? {})) {
      mkdirSync(this.#file(`hosts/${host}`), { recursive: true });
      const lines = [
        `server = "http://${address}"`,
        `[host."http://${address}"]`,
        '  capabilities = ["pull", "resolve"]',
      ];
      writeFileSync(this.#file(`hosts/${host}/hosts.toml`), `${lines.join("\n")}\n`);
    }
  }

  async #answers(child: ChildProcess): Promise<boolean> {
    if (child.exitCode !== null) throw new Error(`containerd ended with code ${child.exitCode}`);
    const { code, stderr } = await tryRun(join(this.#bin, "ctr"), ["-a", this.#file("containerd.sock"), "version"], {
      timeout: 10_000,
    });
    if (code !== 0) throw new Error(stderr.trim());
    return true;
  }
}

function podNetwork(cidr: string, bridge: string, ipam: string): string {
  return JSON.stringify({
    cniVersion: "0.4.0",
    name: "pods",
    plugins: [
      {
        type: "bridge",
        bridge,
        isGateway: true,
        ipMasq: true,
        // A pod may be sent to itself by a Service.
        hairpinMode: true,
        ipam: { type: "host-local", dataDir: ipam, ranges: [[{ subnet: cidr }]], routes: [{ dst: "0.0.0.0/0" }] },
      },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  });
}
