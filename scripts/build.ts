/**
 * Bundles the program into `dist/`: `kubelet` (a launcher), `kubelet.mjs` and its chunks, and the one native library.
 *
 * A bundle, because importing the source files costs 90 ms and 35 MB more at each start. Code behind a dynamic `import()` stays in a chunk of its
 * own and costs nothing until it is used. V8's compiled code is kept in `dist/cache`, filled by the first run.
 */
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { type BuildOptions, build, type Plugin } from "esbuild";
import { step } from "./lib/progress.ts";
import { run } from "./lib/run.ts";

const ROOT = join(import.meta.dirname, "..");

export interface Built {
  /** The launcher: an executable that takes the kubelet's flags and verbs. */
  readonly launcher: string;
  /** False when `dist/` was already made from these sources. */
  readonly fresh: boolean;
}

/**
 * koffi finds its library by trying the packages of all platforms, in a way no bundler follows. In the bundle, the module that does so is replaced
 * by one that names this platform's file, which is copied beside the chunks.
 */
const nativeLibrary: Plugin = {
  name: "native-library",
  setup({ onLoad }) {
    const file = join(
      ROOT,
      "node_modules/@koromix",
      `koffi-linux-${process.arch}`,
      `linux_${process.arch}`,
      "koffi.node",
    );
    onLoad({ filter: /koffi\/src\/koffi\/src\/static\.js$/ }, () => ({
      contents: `export function loadStatic() { return require(${JSON.stringify(file)}); }`,
    }));
  },
};

/**
 * Node's larger modules are loaded where they are first used, not where they are imported: node:crypto and node:tls cost 8 ms, and nothing needs them
 * before the health port is open. And as ES modules they read each of their exports when they are imported, also the lazy ones: node:http so loads all of
 * undici, 20 ms. (Measured with Node 26.10.) What `import` gets here has a prototype that asks the real module for each name; esbuild keeps prototypes.
 */
const lazyBuiltins: Plugin = {
  name: "lazy-builtins",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:(https?|crypto|tls|child_process)$/ }, ({ path, kind }) =>
      kind === "require-call" ? { path, external: true } : { path, namespace: "lazy" },
    );
    onLoad({ filter: /.*/, namespace: "lazy" }, ({ path }) => ({
      contents: `module.exports = Object.create(new Proxy({}, { get: (_, name) => require("${path}")[name] }));`,
    }));
  },
};

function optionsFor(entry: string, folder: string): BuildOptions {
  return {
    entryPoints: { kubelet: entry },
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node26",
    // Prefer the ESM build of packages that have one: only that can be split and shaken.
    mainFields: ["module", "main"],
    // As CommonJS, which is what it offers to Node, `await import("yaml")` would have a default export and no names once it is a chunk of its own.
    alias: { yaml: join(ROOT, "node_modules/yaml/browser/index.js") },
    loader: { ".node": "copy" },
    assetNames: "[name]-[hash]",
    chunkNames: "chunk-[name]-[hash]",
    plugins: [nativeLibrary, lazyBuiltins],
    // CommonJS packages ask for Node's modules with require(), which an ES module has to make for itself.
    banner: {
      js: 'import { createRequire as requireOf } from "node:module";\nconst require = requireOf(import.meta.url);',
    },
    legalComments: "linked",
    logLevel: "silent",
    metafile: true,
  };
}

/**
 * Starts the pinned Node with the bundle. Paths are taken from the launcher's own place, so that a checkout can be moved; a symbolic link to it
 * works too. Only builtins of the shell on the usual way: each extra process would cost a millisecond of the start.
 *
 * A node mostly rests: after 50 pods at once, V8's small young generation (4 MB) leaves 30 to 50 MB less behind than its default, one arena of malloc 5 MB
 * less, and neither costs processor time that `npm run bench -- burst` could see.
 */
function launcherText(node: string): string {
  return `#!/bin/sh
self=$0
if [ -L "$self" ]; then self=$(readlink -f "$self"); fi
here=\${self%/*}
export NODE_COMPILE_CACHE="$here/cache" MALLOC_ARENA_MAX=1
exec "$here/${node}" --max-semi-space-size=4 "$here/kubelet.mjs" "$@"
`;
}

/** Builds `dist/` from `src/app/main.ts`, unless it already holds exactly that. */
export async function buildKubelet(entry = join(ROOT, "src/app/main.ts"), folder = join(ROOT, "dist")): Promise<Built> {
  const launcher = join(folder, "kubelet");
  const inputsFile = join(folder, "inputs.json");
  if (existsSync(launcher) && unchanged(inputsFile)) return { launcher, fresh: false };
  if (!existsSync(entry)) throw new Error(`build ${relative(ROOT, entry)}: there is no such file`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "cache"), { recursive: true });
  const result = await build(optionsFor(entry, folder));
  const node = join(ROOT, "node_modules", `node-linux-${process.arch}`, "bin/node");
  writeFileSync(launcher, launcherText(relative(folder, node)));
  chmodSync(launcher, 0o755);
  // Proves that the bundle loads at all. The cache is left to the first real start: it keeps what was compiled first, and --version compiles little.
  await run(launcher, ["--version"], { env: { NODE_DISABLE_COMPILE_CACHE: "1" } });
  const inputs = Object.keys(result.metafile?.inputs ?? {}).map((path) => join(process.cwd(), path));
  writeFileSync(
    inputsFile,
    JSON.stringify(fingerprints([...inputs, import.meta.filename, join(ROOT, "package-lock.json")])),
  );
  return { launcher, fresh: true };
}

function unchanged(inputsFile: string): boolean {
  if (!existsSync(inputsFile)) return false;
  const before: Record<string, string> = JSON.parse(readFileSync(inputsFile, "utf8"));
  const now = fingerprints(Object.keys(before));
  return Object.entries(before).every(([path, print]) => now[path] === print);
}

/** Content hashes, not times: a fresh checkout has all new times. */
function fingerprints(paths: readonly string[]): Record<string, string> {
  return Object.fromEntries(paths.filter((path) => existsSync(path)).map((path) => [path, fingerprint(path)]));
}

function fingerprint(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("base64");
}

if (import.meta.main) {
  const built = await step("Building dist/kubelet", () => buildKubelet());
  console.log(`${relative(process.cwd(), built.launcher)}${built.fresh ? "" : " is up to date"}`);
}
