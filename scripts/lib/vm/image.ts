/**
 * The machine's disk, kernel and first file system, made once from Debian's packages and kept outside the repository:
 * `${KUBELET_TS_CACHE:-~/.cache/kubelet-ts}/vm/image-<hash>`. The hash covers what goes in, but not the versions of the packages.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { step } from "../progress.ts";
import { run, tryRun } from "../run.ts";
import { FILES, MASKED_UNITS, PACKAGES } from "./image-files.ts";
import { makeInitrd } from "./initrd.ts";

const SUITE = "bookworm";
/** Sparse: it takes what is written to it, at first half a gigabyte. */
const DISK_SIZE = "8G";

export interface VmImage {
  readonly folder: string;
  /** A raw ext4. Never opened for writing. */
  readonly disk: string;
  readonly kernel: string;
  readonly initrd: string;
  readonly key: string;
}

/** Why no virtual machine can be made here and what to do, or undefined. */
export function vmProblem(): string | undefined {
  if (process.arch !== "x64")
    return `virtual machines of the tests are x86-64, and this machine is ${process.arch}: run them on an x86-64 machine`;
  if (process.getuid?.() !== 0)
    return `making the virtual machine's disk takes root, and you are user ${process.getuid?.()}: run this in a root shell`;
  return undefined;
}

export function vmCache(): string {
  return join(process.env.KUBELET_TS_CACHE ?? join(homedir(), ".cache", "kubelet-ts"), "vm");
}

/** Days after which what nobody has used goes, when something new is made beside it. */
const KEPT_DAYS = 7;

/** Removes images and saved machines of earlier versions from the cache: each takes half a gigabyte. */
function pruneCache(): void {
  const before = Date.now() - KEPT_DAYS * 24 * 3600 * 1000;
  for (const name of readdirSync(vmCache())) {
    const folder = join(vmCache(), name);
    if (statSync(folder).mtimeMs < before) rmSync(folder, { recursive: true, force: true });
  }
}

/** Notes that something in the cache was used. */
export function touch(folder: string): void {
  utimesSync(folder, new Date(), new Date());
}

/** The image, made if it is not there yet, which takes one to three minutes. */
export async function ensureImage(): Promise<VmImage> {
  const problem = vmProblem();
  if (problem !== undefined) throw new Error(problem);
  const key = createHash("sha256")
    .update(JSON.stringify([SUITE, DISK_SIZE, PACKAGES, FILES, MASKED_UNITS, makeInitrd.toString()]))
    .digest("hex")
    .slice(0, 16);
  const folder = join(vmCache(), `image-${key}`);
  const image = {
    folder,
    key,
    disk: join(folder, "disk.raw"),
    kernel: join(folder, "vmlinuz"),
    initrd: join(folder, "initrd"),
  };
  if (!existsSync(folder))
    await step("Making the disk of the virtual machine from Debian's packages (once, 1 to 3 minutes)", () =>
      makeImage(folder),
    );
  touch(folder);
  return image;
}

/** Makes it beside its final place and renames: what was broken off looks like nothing. */
async function makeImage(folder: string): Promise<void> {
  mkdirSync(vmCache(), { recursive: true });
  pruneCache();
  const work = mkdtempSync(`${folder}.unfinished-`);
  try {
    const root = join(work, "root");
    // INITRD: Debian's own first file system is not used.
    await run(
      "mmdebstrap",
      [
        "--variant=minbase",
        `--include=${PACKAGES.join(",")}`,
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        ...(await aptOptions()),
        SUITE,
        root,
        ...(await mirrors()),
      ],
      { env: { INITRD: "No", DEBIAN_FRONTEND: "noninteractive" } },
    );
    for (const { path, text, mode = 0o644 } of FILES) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      rmSync(join(root, path), { force: true });
      writeFileSync(join(root, path), text, { mode });
      chmodSync(join(root, path), mode);
    }
    const units = join(root, "etc/systemd/system");
    for (const unit of MASKED_UNITS) {
      rmSync(join(units, unit), { force: true });
      symlinkSync("/dev/null", join(units, unit));
    }
    mkdirSync(join(units, "multi-user.target.wants"), { recursive: true });
    symlinkSync("../vm-network.service", join(units, "multi-user.target.wants/vm-network.service"));
    const kernel = readdirSync(join(root, "boot")).find((name) => name.startsWith("vmlinuz-"));
    if (kernel === undefined) throw new Error("the packages brought no kernel into /boot");
    copyFileSync(join(root, "boot", kernel), join(work, "vmlinuz"));
    writeFileSync(join(work, "initrd"), makeInitrd(root));
    for (const name of readdirSync(join(root, "boot"))) rmSync(join(root, "boot", name));
    await run("mke2fs", [
      ...["-q", "-t", "ext4", "-E", "lazy_itable_init=1,lazy_journal_init=1", "-J", "size=16"],
      ...["-d", root, join(work, "disk.raw"), DISK_SIZE],
    ]);
    rmSync(root, { recursive: true, force: true });
    if (!existsSync(folder)) renameSync(work, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The Debian archives that this machine itself uses, when it is of the same release: a mirror near it may be the only one that it reaches. */
async function mirrors(): Promise<string[]> {
  const format = "$(ORIGIN)|$(RELEASE)|$(REPO_URI)|$(COMPONENT)";
  const { stdout, code } = await tryRun("apt-get", ["indextargets", "--format", format, "Created-By: Packages"]);
  if (code !== 0) return [];
  const suites = [SUITE, `${SUITE}-updates`, `${SUITE}-security`];
  const sources = stdout.split("\n").flatMap((line) => {
    const [origin = "", release = "", uri, component] = line.split("|");
    // Where no list has been fetched yet, the origin is not known.
    const isDebian = origin === "Debian" || origin.startsWith("$");
    return isDebian && suites.includes(release) && component === "main" ? [`deb ${uri} ${release} main`] : [];
  });
  return [...new Set(sources)];
}

/** How this machine's apt reaches its archives. mmdebstrap reads no configuration of the machine by itself. */
async function aptOptions(): Promise<string[]> {
  const { stdout } = await tryRun("apt-config", ["dump", "Acquire"]);
  return stdout
    .split("\n")
    .filter((line) => /proxy|^Acquire::https?::/i.test(line) && !line.endsWith(' "";'))
    .map((line) => `--aptopt=${line.replace(/;$/, "")}`);
}
