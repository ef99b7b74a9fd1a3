/** Node as a single executable that runs our loader: the same for every bundle, so it is made once and kept. */
import { createHash } from "node:crypto";
import {
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { run } from "../run.ts";
import { strip } from "./elf.ts";

const ROOT = join(import.meta.dirname, "../../..");
const LOADER = join(ROOT, "src/app/boot.ts");
const CACHE = join(ROOT, "node_modules/.cache/kubelet-ts");

export const NODE = join(ROOT, "node_modules", `node-linux-${process.arch}`, "bin/node");

export interface Base {
  readonly path: string;
  readonly inputs: readonly string[];
}

export interface BaseOptions {
  /** Where `NODE_OPTIONS` should count: for profiles. What users get takes none, as a stray variable would slow or break it. */
  readonly nodeOptions?: boolean;
  /** Folder where it is kept for the next build. */
  readonly keep?: string;
}

/**
 * A node mostly rests: after 50 pods at once, V8's small young generation (4 MB) leaves 30 to 50 MB less behind than its default, and costs no processor time
 * that `npm run bench -- burst` could see.
 */
const V8_OPTIONS = ["--max-semi-space-size=4"];

/** Else SIGUSR1 would open a debugger's port. */
const NODE_OPTIONS = ["--disable-sigusr1"];

export async function makeBase({ nodeOptions = false, keep = CACHE }: BaseOptions = {}): Promise<Base> {
  const loader = await bundleLoader();
  const settings = {
    mainFormat: "commonjs",
    execArgv: [...V8_OPTIONS, ...NODE_OPTIONS],
    execArgvExtension: nodeOptions ? "env" : "none",
    disableExperimentalSEAWarning: true,
  };
  const hash = createHash("sha256").update(loader.text).update(JSON.stringify(settings));
  for (const path of [import.meta.filename, join(import.meta.dirname, "elf.ts")]) hash.update(readFileSync(path));
  // The lock file names the version of Node, and its integrity.
  hash.update(readFileSync(join(ROOT, "package-lock.json")));
  const path = join(keep, `base-${hash.digest("hex").slice(0, 16)}`);
  if (existsSync(path)) utimesSync(path, new Date(), new Date());
  else await inject(path, loader.text, settings);
  forgetOldest(keep);
  return { path, inputs: loader.inputs };
}

/** Each is 117 MB. One of every kind is used again: that of users, that for profiles, and those of a colleague's branch. */
const KEPT = 4;

function forgetOldest(folder: string): void {
  const all = globSync("base-*", { cwd: folder }).filter((name) => /^base-[0-9a-f]{16}$/.test(name));
  const age = (name: string) => statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  for (const name of all.sort((a, b) => age(b) - age(a)).slice(KEPT)) rmSync(join(folder, name), { force: true });
}

async function bundleLoader(): Promise<{ readonly text: string; readonly inputs: readonly string[] }> {
  const { outputFiles, metafile } = await build({
    entryPoints: [LOADER],
    absWorkingDir: ROOT,
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "node26",
    legalComments: "none",
    logLevel: "silent",
    metafile: true,
    write: false,
  });
  const text = outputFiles[0]?.text ?? "";
  return { text, inputs: Object.keys(metafile.inputs).map((path) => join(ROOT, path)) };
}

async function inject(path: string, loader: string, settings: object): Promise<void> {
  const folder = `${path}.${process.pid}`;
  mkdirSync(folder, { recursive: true });
  try {
    const at = (name: string) => join(folder, name);
    writeFileSync(at("node"), strip(readFileSync(NODE)), { mode: 0o755 });
    writeFileSync(at("main.cjs"), loader);
    // Relative paths: they go into the file.
    writeFileSync(
      at("sea.json"),
      JSON.stringify({ main: "main.cjs", executable: "node", output: "kubelet", ...settings }),
    );
    await run(NODE, ["--build-sea", "sea.json"], { cwd: folder });
    // Several builds may run at the same time.
    renameSync(at("kubelet"), path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
