/**
 * OCI images made from programs of this machine, without Docker and without internet. Same input, same digests: times and owners in the layers
 * are fixed.
 */
import { createHash } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { run, tryRun } from "./run.ts";

export type ImageEntry =
  | {
      readonly kind: "file";
      readonly path: string;
      readonly content: Uint8Array | string;
      readonly mode?: number;
      readonly owner?: number;
    }
  | { readonly kind: "directory"; readonly path: string; readonly mode?: number; readonly owner?: number }
  | { readonly kind: "link"; readonly path: string; readonly to: string };

/** What the image's configuration says about a container made from it; names as in the OCI image specification. */
export interface ImageConfig {
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly StopSignal?: string;
  readonly Labels?: Readonly<Record<string, string>>;
}

/** Content with the address under which a registry keeps it. */
export interface Blob {
  readonly mediaType: string;
  /** "sha256:" and 64 hex digits. */
  readonly digest: string;
  readonly bytes: Uint8Array;
}

export interface Image {
  readonly manifest: Blob;
  readonly config: Blob;
  readonly layers: readonly Blob[];
}

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const ARCHITECTURE = process.arch === "x64" ? "amd64" : process.arch;
const LAYER = "application/vnd.oci.image.layer.v1.tar";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";

export interface BuildOptions {
  /** False: plain layers. For large programs that go to a registry on this machine, compressing takes longer than all the rest. */
  readonly compress?: boolean;
}

/** An image with one layer for each list of entries. */
export async function buildImage(
  layers: readonly (readonly ImageEntry[])[],
  config: ImageConfig,
  { compress = true }: BuildOptions = {},
): Promise<Image> {
  const tars = await Promise.all(layers.map(tarOf));
  const blobs = tars.map((tar) =>
    compress ? blobOf(`${LAYER}+gzip`, gzipSync(tar, { level: 6 })) : blobOf(LAYER, tar),
  );
  const configBlob = jsonBlob("application/vnd.oci.image.config.v1+json", {
    created: "1970-01-01T00:00:00Z",
    architecture: ARCHITECTURE,
    os: "linux",
    config: { Env: [PATH], ...config },
    rootfs: { type: "layers", diff_ids: tars.map(digestOf) },
    history: layers.map(() => ({ created: "1970-01-01T00:00:00Z", created_by: "kubelet-ts" })),
  });
  const manifest = jsonBlob(MANIFEST, {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: descriptorOf(configBlob),
    layers: blobs.map(descriptorOf),
  });
  return { manifest, config: configBlob, layers: blobs };
}

/** A shell and all applets of this machine's busybox, runs `sh` unless told otherwise. `extra` entries lie over it. */
export async function busyboxImage(
  config: ImageConfig = {},
  extra: readonly ImageEntry[] = [],
  options: BuildOptions = {},
): Promise<Image> {
  const base = await busyboxEntries();
  return await buildImage(extra.length === 0 ? [base] : [base, extra], { Cmd: ["sh"], ...config }, options);
}

/** A sandbox image for tests of a runtime that brings none: a process that sleeps for ever and ends when told to. */
export async function pauseImage(): Promise<Image> {
  const script = "trap 'exit 0' TERM INT; while :; do sleep 2147483647 & wait; done";
  return await buildImage([await busyboxEntries()], { Entrypoint: ["/bin/sh", "-c", script] });
}

let knownBusybox: Promise<readonly ImageEntry[]> | undefined;

async function busyboxEntries(): Promise<readonly ImageEntry[]> {
  knownBusybox ??= makeBusyboxEntries();
  return await knownBusybox;
}

async function makeBusyboxEntries(): Promise<readonly ImageEntry[]> {
  const program = (await run("sh", ["-c", "command -v busybox"])).trim();
  const applets = (await run(program, ["--list"])).trim().split("\n");
  return [
    ...["dev", "etc", "home", "proc", "root", "sys", "var", "var/www"].map(
      (path) => ({ kind: "directory", path }) as const,
    ),
    { kind: "directory", path: "tmp", mode: 0o1777 },
    {
      kind: "file",
      path: "etc/passwd",
      content: "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n",
    },
    { kind: "file", path: "etc/group", content: "root:x:0:\nnogroup:x:65534:\n" },
    ...(await programEntries(program, "bin/busybox")),
    ...applets
      .filter((name) => name !== "busybox")
      .map((name) => ({ kind: "link", path: `bin/${name}`, to: "busybox" }) as const),
  ];
}

/** A program of this machine and the shared libraries it needs, each at its own path; a static program needs none. */
export async function programEntries(program: string, as: string): Promise<readonly ImageEntry[]> {
  // ldd exits with 1 for a static program, which is what we want to know.
  const { stdout } = await tryRun("ldd", [program]);
  const libraries = [...stdout.matchAll(/(?:=> )?(\/[^\s]+) \(0x/g)].flatMap(([, path]) =>
    path === undefined ? [] : [path],
  );
  return [
    { kind: "file", path: as, content: readFileSync(realpathSync(program)), mode: 0o755 },
    ...libraries.map(
      (path) =>
        ({ kind: "file", path: path.slice(1), content: readFileSync(realpathSync(path)), mode: 0o755 }) as const,
    ),
  ];
}

/** An OCI layout as a tar, as `ctr images import` and `docker load` take it. */
export async function imageArchive(image: Image, reference: string): Promise<Uint8Array> {
  const blobs = [image.manifest, image.config, ...image.layers];
  const pathOf = (blob: Blob) => `blobs/${blob.digest.replace(":", "/")}`;
  const named = { ...descriptorOf(image.manifest), annotations: { "io.containerd.image.name": reference } };
  const docker = [{ Config: pathOf(image.config), RepoTags: [reference], Layers: image.layers.map(pathOf) }];
  return await tarOf([
    { kind: "file", path: "oci-layout", content: '{"imageLayoutVersion":"1.0.0"}' },
    { kind: "file", path: "index.json", content: JSON.stringify({ schemaVersion: 2, manifests: [named] }) },
    { kind: "file", path: "manifest.json", content: JSON.stringify(docker) },
    ...blobs.map((blob) => ({ kind: "file", path: pathOf(blob), content: blob.bytes }) as const),
  ]);
}

async function tarOf(entries: readonly ImageEntry[]): Promise<Uint8Array> {
  const tar = pack();
  for (const entry of withParents(entries)) {
    const header: Header = { name: entry.path, mtime: new Date(0), uid: 0, gid: 0 };
    switch (entry.kind) {
      case "file":
        tar.entry({ ...header, ...ownerOf(entry), mode: entry.mode ?? 0o644 }, Buffer.from(entry.content));
        break;
      case "directory":
        tar.entry({ ...header, ...ownerOf(entry), type: "directory", mode: entry.mode ?? 0o755 });
        break;
      case "link":
        tar.entry({ ...header, type: "symlink", linkname: entry.to, mode: 0o777 });
        break;
    }
  }
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function ownerOf({ owner = 0 }: { readonly owner?: number }): { uid: number; gid: number } {
  return { uid: owner, gid: owner };
}

/** Directories that are only implied by a path get an entry too: unpackers differ in the mode they give to implied ones. */
function withParents(entries: readonly ImageEntry[]): ImageEntry[] {
  const known = new Set<string>();
  return entries.flatMap((entry) => {
    const parts = entry.path.split("/");
    const parents = parts.slice(0, -1).map((_, index) => parts.slice(0, index + 1).join("/"));
    const missing = parents.filter((path) => !known.has(path));
    for (const path of [...missing, entry.path]) known.add(path);
    return [...missing.map((path) => ({ kind: "directory", path }) as const), entry];
  });
}

function jsonBlob(mediaType: string, value: object): Blob {
  return blobOf(mediaType, Buffer.from(JSON.stringify(value)));
}

function blobOf(mediaType: string, bytes: Uint8Array): Blob {
  return { mediaType, digest: digestOf(bytes), bytes };
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function descriptorOf({ mediaType, digest, bytes }: Blob): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest, size: bytes.length };
}
