/** Makes `dist/kubelet`: one executable file with Node, our program, V8's compiled code for it, and its native library ([ADR 17](../docs/adr/0017-single-executable.md)). */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { assemble } from "./lib/package/assemble.ts";
import { type BaseOptions, makeBase } from "./lib/package/base.ts";
import { bundle } from "./lib/package/bundle.ts";
import { compile } from "./lib/package/compile.ts";
import { makeRelease, type Release } from "./lib/package/release.ts";
import { step } from "./lib/progress.ts";
import { run } from "./lib/run.ts";

const ROOT = join(import.meta.dirname, "..");

/** Beside the executable: what it was made from. */
const INPUTS = ".inputs.json";

interface Inputs {
  /** The options of the build. */
  readonly how: string;
  /** Path to digest. */
  readonly files: Readonly<Record<string, string>>;
}

export interface Built {
  /** An executable that takes the kubelet's flags and verbs. */
  readonly launcher: string;
  /** False when it was already made from these sources. */
  readonly fresh: boolean;
}

export interface BuildOptions extends BaseOptions {
  /** False leaves V8's compiled code out: what is left is the same bytes at every build. */
  readonly compiled?: boolean;
}

/** Builds under way in this process, by folder: tests that run together ask together. */
const underWay = new Map<string, Promise<Built>>();

/** Builds `kubelet` in `folder` from `src/app/main.ts`, unless it is already there from exactly these sources. */
export function buildKubelet(
  entry = join(ROOT, "src/app/main.ts"),
  folder = join(ROOT, "dist"),
  options: BuildOptions = {},
): Promise<Built> {
  const building = underWay.get(folder) ?? buildIn(folder, entry, options).finally(() => underWay.delete(folder));
  underWay.set(folder, building);
  return building;
}

async function buildIn(folder: string, entry: string, { compiled = true, ...options }: BuildOptions): Promise<Built> {
  const launcher = join(folder, "kubelet");
  const inputsFile = join(folder, INPUTS);
  const how = JSON.stringify({ compiled, ...options });
  if (existsSync(launcher) && unchanged(inputsFile, how)) return { launcher, fresh: false };
  if (!existsSync(entry)) throw new Error(`build ${relative(ROOT, entry)}: there is no such file`);
  mkdirSync(folder, { recursive: true });
  const [base, made] = [await makeBase(options), await bundle(entry)];
  const contents = { bundle: made, version: versionOf(join(ROOT, "package.json")) };
  // Renamed into place when it is whole: others may run the old one, or build the same.
  const unfinished = join(folder, `.kubelet.${process.pid}`);
  try {
    assemble(base.path, unfinished, {
      ...contents,
      compiled: compiled ? await compile(base.path, contents) : new Map(),
    });
    await run(unfinished, ["--version"]);
    renameSync(unfinished, launcher);
  } finally {
    rmSync(unfinished, { force: true });
  }
  const scripts = [import.meta.filename, ...["assemble", "base", "bundle", "compile", "elf"].map(packageScript)];
  const others = ["package.json", "package-lock.json"].map((name) => join(ROOT, name));
  const files = fingerprints([...made.inputs, ...base.inputs, ...scripts, ...others]);
  writeFileSync(inputsFile, JSON.stringify({ how, files } satisfies Inputs));
  return { launcher, fresh: true };
}

const packageScript = (name: string): string => join(ROOT, "scripts/lib/package", `${name}.ts`);

function versionOf(packageFile: string): string {
  return JSON.parse(readFileSync(packageFile, "utf8")).version;
}

function unchanged(inputsFile: string, how: string): boolean {
  if (!existsSync(inputsFile)) return false;
  const before: Inputs = JSON.parse(readFileSync(inputsFile, "utf8"));
  const now = fingerprints(Object.keys(before.files));
  return before.how === how && Object.entries(before.files).every(([path, print]) => now[path] === print);
}

/** Paths of everything that the executable in `folder` was made from. */
export function inputsOf(folder: string): readonly string[] {
  const { files }: Inputs = JSON.parse(readFileSync(join(folder, INPUTS), "utf8"));
  return Object.keys(files);
}

/** Content hashes, not times: a fresh checkout has all new times. */
function fingerprints(paths: readonly string[]): Record<string, string> {
  return Object.fromEntries(paths.filter((path) => existsSync(path)).map((path) => [path, fingerprint(path)]));
}

function fingerprint(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("base64");
}

/** The executable and everything that goes with it (scripts/lib/package/release.ts). */
export async function buildRelease(folder = join(ROOT, "dist")): Promise<Release & Built> {
  const built = await step("Building the executable", () => buildKubelet(undefined, folder));
  const inputs = inputsOf(folder);
  const version = versionOf(join(ROOT, "package.json"));
  const release = await step("Building the Debian package", () =>
    makeRelease({ kubelet: built.launcher, version, inputs }),
  );
  return { ...built, ...release };
}

if (import.meta.main) {
  const { launcher, deb, sbom, notices, sums } = await buildRelease();
  for (const path of [launcher, deb, sbom, notices, sums]) console.log(relative(process.cwd(), path));
}
