import { join, posix } from "node:path";
import type { Clock } from "../ports/clock.ts";
import type { Files } from "../ports/files.ts";
import type { Random } from "../ports/random.ts";
import type { Payload, VolumeFile } from "./payload.ts";
import { cleaned } from "./payload.ts";

export interface AtomicWriterDeps {
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
}

const DATA = "..data";
const NEW_DATA = "..data_tmp";
/** `..2026_11_24_21_04_03.1234567890`: a version of all files. */
const VERSION = /^\.\.\d{4}(?:_\d{2}){5}\.\d+$/;

/**
 * Writes all files of a volume at once, in upstream's layout. Readers see the old version or the new one, never a mix:
 *
 *   name            -> ..data/name          a link for each first step of a path
 *   ..data          -> ..2026_11_24_…/      swapped by one rename: that is the moment of the change
 *   ..2026_11_24_…/ name                    this version's files
 *
 * Nothing is written when all is as wanted. A crash at any point leaves one whole version behind `..data` (or none, if none was written
 * yet) and things that the next call removes. Calls for one directory must not overlap.
 * `beforePublish`: gives the new files to whom they belong, while nobody sees them yet.
 * @returns whether readers see something new
 * @throws Error for a path that no volume may have, KubeletError `file-failed`
 */
export async function writeVolume(
  directory: string,
  payload: Payload,
  beforePublish: () => Promise<void>,
  deps: AtomicWriterDeps,
): Promise<boolean> {
  const { files } = deps;
  const wanted = cleaned(payload);
  const current = await currentVersion(directory, files);
  const fresh = current !== undefined && (await holds(join(directory, current), wanted, files));
  await removeLitter(directory, current, files);
  if (!fresh) {
    const version = versionName(deps);
    await writeVersion(join(directory, version), wanted, files);
    await beforePublish();
    await files.symlink(version, join(directory, NEW_DATA));
    await files.rename(join(directory, NEW_DATA), join(directory, DATA));
  }
  await linkNames(directory, wanted, files);
  if (current !== undefined && !fresh) await files.removeTree(join(directory, current));
  return !fresh;
}

/** One file of the version that readers see; undefined where there is none. Names are followed by nobody but us: what `..data` leads to is a version. */
export async function readPublished(
  directory: string,
  path: string,
  maxBytes: number,
  files: Files,
): Promise<Uint8Array | undefined> {
  const version = await currentVersion(directory, files);
  const file = version === undefined ? undefined : join(directory, version, path);
  return file !== undefined && (await files.stat(file))?.kind === "file" ? files.read(file, maxBytes) : undefined;
}

/** The version that `..data` names. Whatever else it names is not ours: then there is none. */
async function currentVersion(directory: string, files: Files): Promise<string | undefined> {
  const path = join(directory, DATA);
  const kind = (await files.stat(path))?.kind;
  if (kind === undefined) return undefined;
  const target = kind === "symlink" ? await files.readlink(path) : undefined;
  return target !== undefined && VERSION.test(target) ? target : undefined;
}

/** Whether a version has exactly these files with this content. */
async function holds(version: string, wanted: Payload, files: Files): Promise<boolean> {
  if ((await files.stat(version))?.kind !== "directory") return false;
  const there = await filesBelow(version, "", files);
  if (there === undefined || there.length !== wanted.size) return false;
  for (const path of there) {
    const file = wanted.get(path);
    if (!file || !(await isSame(join(version, path), file, files))) return false;
  }
  return true;
}

/** Paths of all regular files; undefined where there is anything but files and directories. */
async function filesBelow(root: string, below: string, files: Files): Promise<readonly string[] | undefined> {
  const found: string[] = [];
  for (const name of (await files.list(join(root, below))) ?? []) {
    const path = posix.join(below, name);
    const kind = (await files.stat(join(root, path)))?.kind;
    if (kind === "file") found.push(path);
    else if (kind !== "directory") return undefined;
    else {
      const deeper = await filesBelow(root, path, files);
      if (deeper === undefined) return undefined;
      found.push(...deeper);
    }
  }
  return found;
}

async function isSame(path: string, { content }: VolumeFile, files: Files): Promise<boolean> {
  const stat = await files.stat(path);
  if (stat?.kind !== "file" || stat.size !== content.length) return false;
  const there = await files.read(path, content.length);
  return there !== undefined && Buffer.compare(there, content) === 0;
}

/** What a crash left: versions that nothing points to, a link that was not put in place, one that leads elsewhere. */
async function removeLitter(directory: string, current: string | undefined, files: Files): Promise<void> {
  const isLitter = (name: string) =>
    name === NEW_DATA || (name === DATA && current === undefined) || (VERSION.test(name) && name !== current);
  for (const name of (await files.list(directory)) ?? [])
    if (isLitter(name)) await files.removeTree(join(directory, name));
}

async function writeVersion(version: string, wanted: Payload, files: Files): Promise<void> {
  await files.makeDirectory(version, 0o755);
  for (const directory of directoriesOf(wanted)) await files.makeDirectory(join(version, directory), 0o755);
  for (const [path, { content, mode, user }] of wanted) {
    await files.writeInPlace(join(version, path), content, mode);
    if (user !== undefined) await files.lchown(join(version, path), user, 0);
  }
}

/** Parents before what is in them. */
function directoriesOf(wanted: Payload): readonly string[] {
  const directories = new Set<string>();
  for (const path of wanted.keys()) {
    for (let above = posix.dirname(path); above !== "."; above = posix.dirname(above)) directories.add(above);
  }
  return [...directories].sort();
}

/** Links of names that are gone go; directories that other volumes are mounted on stay. */
async function linkNames(directory: string, wanted: Payload, files: Files): Promise<void> {
  const owners = new Map([...wanted].map(([path, { user }]) => [path.split("/")[0] ?? "", user]));
  for (const name of (await files.list(directory)) ?? []) {
    if (name.startsWith("..")) continue;
    const path = join(directory, name);
    const isLink = (await files.stat(path))?.kind === "symlink";
    const isRight = isLink && owners.has(name) && (await files.readlink(path)) === linkTo(name);
    if (isLink && !isRight) await files.removeFile(path);
    if (isRight || !isLink) owners.delete(name);
  }
  for (const [name, user] of owners) {
    await files.symlink(linkTo(name), join(directory, name));
    if (user !== undefined) await files.lchown(join(directory, name), user, 0);
  }
}

const linkTo = (name: string): string => `${DATA}/${name}`;

function versionName({ clock, random }: AtomicWriterDeps): string {
  const [time = ""] = clock.wall().toISOString().split(".");
  return `..${time.replace(/[-T:]/g, "_")}.${Number.parseInt(random.hex(10), 16)}`;
}
