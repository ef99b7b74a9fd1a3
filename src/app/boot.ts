/**
 * What `dist/kubelet` begins with: a small CommonJS script inside Node's single executable, which reads the bundle from the end of the file.
 *
 * It loads a script when it is first asked for, with the code that V8 compiled for it when it was built. Of Node it uses only what is loaded anyway.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Script } from "node:vm";
import { loadNative, type Part, Parts } from "../adapters/executable/index.ts";
import { isFault } from "../base/fault.ts";

type Require = (name: string) => unknown;
type Scope = (exports: object, require: Require, module: { exports: object }) => void;

const BUILT_IN = require;
/** With this variable, the process says at its end how it was loaded. */
const EXPLAIN = "KUBELET_TS_EXPLAIN_START";

class Loader {
  readonly #parts: Parts;
  /** What was asked for so far. */
  readonly #modules = new Map<string, { exports: object }>();
  readonly #compiled = new Map<string, Script>();
  /** Scripts whose compiled code V8 did not take: it was made by another Node, or with other flags. */
  readonly #slow: string[] = [];

  constructor(parts: Parts) {
    this.#parts = parts;
    const { train } = parts.layout;
    if (train !== undefined) process.on("exit", () => this.#keepCompiled(train));
    if (process.env[EXPLAIN] !== undefined) process.on("exit", () => this.#explain());
  }

  /** Runs the program. */
  start(): void {
    this.require(this.#parts.layout.entry);
  }

  readonly require: Require = (name) => {
    if (!name.startsWith("./")) return BUILT_IN(name);
    const known = this.#modules.get(name);
    if (known !== undefined) return known.exports;
    const module = { exports: {} };
    this.#modules.set(name, module);
    const file = this.#parts.layout.files[name];
    if (file === undefined) this.#run(name, module);
    else module.exports = loadNative(this.#read(name, file)) as object;
    return module.exports;
  };

  /** Whatever waits for a damaged part has no way on, and could only call it a bug. */
  #read(name: string, part: Part): Buffer {
    try {
      return this.#parts.read(name, part);
    } catch (error) {
      process.stderr.write(`kubelet: ${explain(error)}\n`);
      process.exit(1);
    }
  }

  #run(name: string, module: { exports: object }): void {
    const script = this.#parts.layout.scripts[name];
    if (script === undefined) throw new TypeError(`There is no script ${name} in this executable`);
    const cachedData = script.cache && this.#read(`the compiled ${name}`, script.cache);
    // All of it is ASCII, so that V8 keeps a byte for each character.
    const text = this.#read(name, script.source).toString("latin1");
    const compiled = new Script(text, { filename: `kubelet:${name.slice(2)}`, ...(cachedData && { cachedData }) });
    if (cachedData === undefined || compiled.cachedDataRejected === true) this.#slow.push(name);
    if (this.#parts.layout.train !== undefined) this.#compiled.set(name, compiled);
    const scope = compiled.runInThisContext() as Scope;
    scope(module.exports, this.require, module);
  }

  #explain(): void {
    const anew = this.#slow.length === 0 ? "none" : this.#slow.join(" ");
    process.stderr.write(`kubelet: ${this.#modules.size} parts loaded, compiled anew: ${anew}\n`);
  }

  /** After a run: what was used by then is compiled, and only that. */
  #keepCompiled(folder: string): void {
    for (const [name, script] of this.#compiled) writeFileSync(join(folder, name), script.createCachedData());
  }
}

function boot(): void {
  // The kernel's name for the process, which `pgrep kubelet` and top go by; Node calls it MainThread.
  try {
    writeFileSync("/proc/self/comm", "kubelet");
    const loader = new Loader(new Parts("/proc/self/exe"));
    loader.start();
  } catch (error) {
    process.stderr.write(`kubelet: ${explain(error)}\n`);
    process.exitCode = 1;
  }
}

function explain(error: unknown): string {
  if (isFault(error, "start-refused")) return error.message;
  if (error instanceof Error && "code" in error && error.code === "ENOENT")
    return `Cannot read /proc/self: ${error.message}; a kubelet needs /proc mounted`;
  return `a bug, please report it: ${error instanceof Error ? error.stack : error}`;
}

boot();
