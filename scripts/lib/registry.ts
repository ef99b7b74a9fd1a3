/** An image registry on loopback: Debian's docker-registry in a scratch folder, filled over its HTTP API. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import type { Blob, Image } from "./images.ts";
import { dyingWithUs, run, stopChild } from "./run.ts";
import { waitFor } from "./wait.ts";

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

export interface RegistryOptions {
  /** Holds configuration, log and images; made if it is not there. */
  readonly folder: string;
  /** Asks every client for these (HTTP basic authentication). */
  readonly credentials?: Credentials;
  /** A fixed port; a free one otherwise. */
  readonly port?: number;
}

export class Registry {
  /** "127.0.0.1:PORT"; stays the same over stop() and start(). */
  readonly address: string;
  readonly #folder: string;
  readonly #credentials: Credentials | undefined;
  #child: ChildProcess | undefined;

  private constructor(address: string, { folder, credentials }: RegistryOptions) {
    this.address = address;
    this.#folder = folder;
    this.#credentials = credentials;
  }

  /** A registry that answers. */
  static async start(options: RegistryOptions): Promise<Registry> {
    const registry = new Registry(`127.0.0.1:${options.port ?? (await freePort())}`, options);
    mkdirSync(options.folder, { recursive: true });
    await registry.#configure();
    await registry.start();
    return registry;
  }

  /** Starts again after stop(), on the same port, with the same images. */
  async start(): Promise<void> {
    if (this.#child !== undefined) return;
    const log = openSync(join(this.#folder, "registry.log"), "a");
    const [command, args] = dyingWithUs("docker-registry", ["serve", this.#file("config.yml")]);
    const child = spawn(command, args, { stdio: ["ignore", log, log] });
    closeSync(log);
    this.#child = child;
    await waitFor(`the registry at ${this.address} to answer`, () => this.#answers(child), {
      timeout: 15_000,
      explain: () => readFileSync(this.#file("registry.log"), "utf8").slice(-2000),
    });
  }

  /** Ends the process; clients get "connection refused" until start(). */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child !== undefined) await stopChild(child);
  }

  /** Puts an image under `repository:tag` and returns the digest of its manifest. */
  async push(repository: string, tag: string, image: Image): Promise<string> {
    for (const blob of [image.config, ...image.layers]) await this.#pushBlob(repository, blob);
    const { mediaType, digest, bytes } = image.manifest;
    await this.#request("PUT", `/v2/${repository}/manifests/${tag}`, { body: bytes, type: mediaType });
    return digest;
  }

  /** Removes a tag's manifest; a later pull of that tag is told that it is unknown. */
  async remove(repository: string, digest: string): Promise<void> {
    await this.#request("DELETE", `/v2/${repository}/manifests/${digest}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #file(name: string): string {
    return join(this.#folder, name);
  }

  async #configure(): Promise<void> {
    const lines = [
      "version: 0.1",
      "log: { level: warn, accesslog: { disabled: true } }",
      `storage: { filesystem: { rootdirectory: ${JSON.stringify(this.#file("images"))} }, delete: { enabled: true } }`,
      `http: { addr: ${JSON.stringify(this.address)} }`,
    ];
    if (this.#credentials !== undefined) {
      writeFileSync(this.#file("htpasswd"), `${this.#credentials.user}:${await bcrypt(this.#credentials.password)}\n`, {
        mode: 0o600,
      });
      lines.push(`auth: { htpasswd: { realm: kubelet-ts, path: ${JSON.stringify(this.#file("htpasswd"))} } }`);
    }
    writeFileSync(this.#file("config.yml"), `${lines.join("\n")}\n`);
  }

  async #answers(child: ChildProcess): Promise<boolean> {
    if (child.exitCode !== null) throw new Error(`docker-registry ended with code ${child.exitCode}`);
    const response = await fetch(`http://${this.address}/v2/`);
    await response.body?.cancel();
    return response.status === 200 || response.status === 401;
  }

  async #pushBlob(repository: string, { digest, bytes }: Blob): Promise<void> {
    const there = await this.#send("HEAD", `/v2/${repository}/blobs/${digest}`);
    if (there.ok) return;
    const upload = await this.#request("POST", `/v2/${repository}/blobs/uploads/`);
    const location = new URL(upload.headers.get("location") ?? "", `http://${this.address}`);
    location.searchParams.set("digest", digest);
    await this.#request("PUT", `${location.pathname}${location.search}`, {
      body: bytes,
      type: "application/octet-stream",
    });
  }

  async #request(method: string, path: string, content?: { body: Uint8Array; type: string }): Promise<Response> {
    const response = await this.#send(method, path, content);
    if (response.ok) return response;
    throw new Error(`${method} http://${this.address}${path}: ${response.status} ${await response.text()}`);
  }

  async #send(method: string, path: string, content?: { body: Uint8Array; type: string }): Promise<Response> {
    const headers = new Headers();
    if (content !== undefined) headers.set("content-type", content.type);
    if (this.#credentials !== undefined) headers.set("authorization", `Basic ${basic(this.#credentials)}`);
    const body = content === undefined ? null : new Uint8Array(content.body);
    const response = await fetch(`http://${this.address}${path}`, { method, headers, body });
    if (method === "HEAD") await response.body?.cancel();
    return response;
  }
}

/** User and password as HTTP's basic scheme and a docker configuration file's `auth` carry them. */
export function basic({ user, password }: Credentials): string {
  return Buffer.from(`${user}:${password}`).toString("base64");
}

/** The only hash docker-registry takes. Perl is part of every Debian, and the C library's crypt() knows bcrypt. */
async function bcrypt(password: string): Promise<string> {
  const salt = "$2y$05$kubeletkubeletkubelete";
  return await run("perl", ["-e", "print crypt($ARGV[0], $ARGV[1])", password, salt]);
}
