/** The program as scripts: esbuild's chunks, each made a CommonJS script that the executable's loader runs when it is first asked for. */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type BuildOptions, build, type Plugin, transform } from "esbuild";

const ROOT = join(import.meta.dirname, "../../..");
const OUT = join(ROOT, "out");

export interface Bundle {
  /** Name, as `require()` gets it, to text. ASCII. */
  readonly scripts: ReadonlyMap<string, string>;
  readonly entry: string;
  /** Other files by name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Paths of the sources. */
  readonly inputs: readonly string[];
}

export const KOFFI = "./koffi.node";

/**
 * koffi finds its library by trying the packages of all platforms, in a way no bundler follows. In the bundle, the module that does so is replaced by one
 * that asks our loader for it.
 */
const nativeLibrary: Plugin = {
  name: "native-library",
  setup({ onLoad, onResolve }) {
    onLoad({ filter: /koffi\/src\/koffi\/src\/static\.js$/ }, () => ({
      contents: `export function loadStatic() { return require(${JSON.stringify(KOFFI)}); }`,
    }));
    onResolve({ filter: /^\.\/koffi\.node$/ }, ({ path }) => ({ path, external: true }));
  },
};

/**
 * Node's larger modules are loaded where they are first used, not where they are imported: node:crypto and node:tls cost 8 ms, and nothing needs them
 * before the health port is open. What `import` gets here has a prototype that asks the real module for each name; esbuild keeps prototypes.
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

function optionsFor(entry: string): BuildOptions {
  return {
    entryPoints: { kubelet: entry },
    outdir: OUT,
    // Not the working directory, or names and comments in the output would depend on it.
    absWorkingDir: ROOT,
    preserveSymlinks: true,
    bundle: true,
    // Only ES modules can be split.
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node26",
    // Prefer the ESM build of packages that have one: only that can be split and shaken.
    mainFields: ["module", "main"],
    // As CommonJS, which is what it offers to Node, `await import("yaml")` would have a default export and no names once it is a chunk of its own.
    alias: { yaml: join(ROOT, "node_modules/yaml/browser/index.js") },
    // koffi makes itself a require() of it, and never uses that here.
    define: { "import.meta.url": '"file:///usr/bin/kubelet"' },
    chunkNames: "[name]-[hash]",
    plugins: [nativeLibrary, lazyBuiltins],
    legalComments: "none",
    logLevel: "silent",
    metafile: true,
    write: false,
  };
}

/** @param entry the program's first source file */
export async function bundle(entry: string): Promise<Bundle> {
  const generated = join(ROOT, "src/adapters/cri/generated/cri.js");
  if (!existsSync(generated))
    throw new Error(`bundle: ${generated} is missing; \`npm run build\` makes it, or scripts/generate.ts`);
  const result = await build(optionsFor(entry));
  const scripts = new Map<string, string>();
  for (const { path, text } of result.outputFiles ?? []) scripts.set(`./${basename(path)}`, await asScript(text));
  const arch = process.arch;
  const koffi = join(ROOT, "node_modules/@koromix", `koffi-linux-${arch}`, `linux_${arch}`, "koffi.node");
  return {
    scripts,
    entry: "./kubelet.js",
    files: new Map([[KOFFI, readFileSync(koffi)]]),
    inputs: [...Object.keys(result.metafile?.inputs ?? {}).map((path) => join(ROOT, path)), koffi],
  };
}

/** An expression whose value is the function that the loader calls. `import()` becomes `require()`, later: the loader knows no other. */
async function asScript(module: string): Promise<string> {
  const { code } = await transform(module, {
    format: "cjs",
    platform: "node",
    target: "node26",
    supported: { "dynamic-import": false },
  });
  // esbuild escapes whatever is not ASCII, but for comments that it keeps. One such character would double the text in memory.
  const ascii = code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return `(function (exports, require, module) {${ascii}\n})`;
}
