/** What of others is in the shipped file: each package with version, licence and where it came from. */
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

const ROOT = join(import.meta.dirname, "../../..");

export interface Dependency {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression, as the package declares it. */
  readonly licence: string;
  /** URL of its archive in npm's registry. */
  readonly source: string;
  /** Subresource integrity of that archive, by the lock file: `sha512-<base64>`. */
  readonly integrity: string;
  /** Texts that must go with it. */
  readonly notices: readonly string[];
}

interface Locked {
  readonly version: string;
  readonly integrity?: string;
  readonly license?: string;
}

/** Node and koffi's library are in the file as they are, not as sources of the bundle. */
const WHOLE = [`node-linux-${process.arch}`, `@koromix/koffi-linux-${process.arch}`];

/**
 * @param inputs paths of the sources that went into the bundle
 * @throws Error for a package without an entry in the lock file, or without a licence
 */
export function dependencies(inputs: readonly string[]): Dependency[] {
  const lock: { packages: Readonly<Record<string, Locked>> } = JSON.parse(read(join(ROOT, "package-lock.json")));
  const folders = inputs.flatMap((path) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
  const all = new Set([...folders, ...WHOLE.map((name) => join(ROOT, "node_modules", name))]);
  return [...all].map((folder) => dependency(folder, lock.packages)).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function dependency(folder: string, packages: Readonly<Record<string, Locked>>): Dependency {
  const key = folder.slice(ROOT.length + 1);
  const locked = packages[key];
  const { name, license }: { name: string; license?: string } = JSON.parse(read(join(folder, "package.json")));
  const licence = license ?? locked?.license;
  if (locked?.integrity === undefined) throw new Error(`${key} is not in package-lock.json with its integrity`);
  if (licence === undefined) throw new Error(`${key} declares no licence`);
  const { version, integrity } = locked;
  // The lock file does not keep it, as it follows from the name.
  const source = `https://registry.npmjs.org/${name}/-/${basename(name)}-${version}.tgz`;
  return { name, version, licence, source, integrity, notices: noticesIn(folder) };
}

function noticesIn(folder: string): string[] {
  // koffi's builds come in packages of their own, without the text that is in the main one.
  const koffi = join(ROOT, "node_modules/koffi");
  if (folder.includes("/@koromix/koffi-")) return noticesIn(koffi);
  const files = globSync("{LICENSE,LICENCE,COPYING,NOTICE}*", { cwd: folder }).sort();
  return files.map((name) => read(join(folder, name)).trim());
}

/** One text with every licence that goes with the file. */
export function noticesText(all: readonly Dependency[]): string {
  const head = `kubelet-ts contains the work of others. This is what they ask to be told with it.\n`;
  const parts = all.map(({ name, version, licence, source, notices }) => {
    const texts = notices.length > 0 ? notices : [standard(licence, name)];
    return `${"=".repeat(100)}\n${name} ${version} (${licence})\n${source}\n\n${texts.join("\n\n")}\n`;
  });
  return [head, ...parts].join("\n");
}

/** A package that says its licence and brings no text of it. */
function standard(licence: string, name: string): string {
  const text = join(ROOT, "LICENSE");
  if (licence === "Apache-2.0" && existsSync(text)) return read(text).trim();
  return `${name} brings no text of its licence. SPDX: https://spdx.org/licenses/${licence}.html`;
}

const read = (path: string): string => readFileSync(path, "utf8");
