import type { Problem } from "../base/fault.ts";
import { isRecord } from "../base/record.ts";
import type { Pem } from "../model/api-user.ts";
import { nearest } from "../model/nearest.ts";

/** Where what is wrong, and what is not known, is collected. */
export interface Findings {
  readonly problems: Problem[];
  readonly unknown: string[];
}

const MAX_UNKNOWN = 20;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
type JsonObject = { readonly [name: string]: unknown };

/**
 * One object of a kubeconfig, read field by field: null and "" are the same as absent, as for Go. Values are never shown in messages:
 * they may be secrets.
 */
export class FieldReader {
  readonly #object: JsonObject;
  readonly #path: string;
  readonly #findings: Findings;
  readonly #known = new Set<string>();

  private constructor(object: JsonObject, path: string, findings: Findings) {
    this.#object = object;
    this.#path = path;
    this.#findings = findings;
  }

  static of(value: unknown, path: string, findings: Findings): FieldReader {
    const reader = new FieldReader(isRecord(value) ? value : {}, path, findings);
    if (!isRecord(value)) findings.problems.push({ field: path, message: `must be an object, is ${typeName(value)}` });
    return reader;
  }

  path(name: string): string {
    return this.#path === "" ? name : `${this.#path}.${name}`;
  }

  problem(name: string, message: string): void {
    this.#findings.problems.push({ field: this.path(name), message });
  }

  /** Fields that have no meaning for a kubelet. */
  skip(...names: readonly string[]): void {
    for (const name of names) this.#known.add(name);
  }

  /** Must not be given. */
  refuse(name: string, message: string): void {
    if (!isEmpty(this.#take(name))) this.problem(name, message);
  }

  fixed(name: string, expected: string): void {
    const value = this.text(name);
    if (value !== undefined && value !== expected) this.problem(name, `must be ${JSON.stringify(expected)}`);
  }

  text(name: string): string | undefined {
    return this.#typed(name, "a string", (value): value is string => typeof value === "string") || undefined;
  }

  required(name: string): string | undefined {
    const value = this.text(name);
    if (value === undefined && isEmpty(this.#object[name])) this.problem(name, "is required");
    return value;
  }

  flag(name: string): boolean {
    return this.#typed(name, "true or false", (value): value is boolean => typeof value === "boolean") ?? false;
  }

  object(name: string): FieldReader | undefined {
    const value = this.#typed(name, "an object", isRecord);
    return value && new FieldReader(value, this.path(name), this.#findings);
  }

  texts(name: string): readonly string[] {
    const isTexts = (value: unknown): value is string[] =>
      Array.isArray(value) && value.every((one) => typeof one === "string");
    return this.#typed(name, "a list of strings", isTexts) ?? [];
  }

  objects(name: string): readonly FieldReader[] {
    const list = this.#typed(name, "a list", (value): value is unknown[] => Array.isArray(value)) ?? [];
    return list.map((value, index) => FieldReader.of(value, `${this.path(name)}[${index}]`, this.#findings));
  }

  /** `NAME-data` (base64), which wins, or the path `NAME`. */
  pem(name: string, inFolder: (path: string) => string): Pem | undefined {
    const file = this.text(name);
    const data = this.text(`${name}-data`);
    if (data === undefined) return file === undefined ? undefined : { file: inFolder(file) };
    const base64 = data.replace(/\s/g, "");
    const text = BASE64.test(base64) && base64.length % 4 === 0 ? Buffer.from(base64, "base64").toString("latin1") : "";
    if (!text.includes("-----BEGIN ")) this.problem(`${name}-data`, "must be base64 of a PEM text");
    else if (file !== undefined) this.#findings.unknown.push(`${this.path(name)} is not read, because of ${name}-data`);
    return { text };
  }

  /** The members of a list of `{name, <kind>: {…}}`, by name. Only those that are picked are looked into. */
  named(list: string, kind: string): ReadonlyMap<string, FieldReader> {
    const found = new Map<string, FieldReader>();
    for (const entry of this.objects(list)) {
      const name = entry.text("name");
      if (name === undefined) entry.problem("name", "is required");
      else if (found.has(name)) entry.problem("name", `repeats ${show(name)}: each name may stand once`);
      else {
        const value = entry.#take(kind);
        found.set(name, FieldReader.of(value ?? {}, entry.path(kind), this.#findings));
      }
    }
    return found;
  }

  /** The one that `name` means; a problem of `field` where there is none. undefined: was complained about before. */
  pick(
    from: ReadonlyMap<string, FieldReader>,
    name: string | undefined,
    field: string,
    list: string,
  ): FieldReader | undefined {
    if (name === undefined) return undefined;
    const found = from.get(name);
    if (found !== undefined) return found;
    const near = nearest(name, [...from.keys()].slice(0, 100));
    const hint = near === undefined ? "" : `; did you mean ${show(near)}?`;
    this.#findings.problems.push({ field, message: `names ${show(name)}, which is not in ${list}${hint}` });
    return undefined;
  }

  /** What stands under `extensions` for `name`. */
  extension(name: string): unknown {
    const list = this.#object.extensions;
    const found = (Array.isArray(list) ? list : []).find((entry) => isRecord(entry) && entry.name === name);
    return isRecord(found) ? found.extension : undefined;
  }

  /** Call after the last field: names the others. */
  done(): void {
    for (const name of Object.keys(this.#object)) {
      if (this.#known.has(name) || this.#findings.unknown.length >= MAX_UNKNOWN) continue;
      const near = nearest(name, [...this.#known]);
      const hint = near === undefined ? "" : `; did you mean ${near}?`;
      this.#findings.unknown.push(`${this.path(name.slice(0, 80))} is no known field${hint}; ignored`);
    }
  }

  #take(name: string): unknown {
    this.#known.add(name);
    return Object.hasOwn(this.#object, name) ? this.#object[name] : undefined;
  }

  #typed<T>(name: string, type: string, is: (value: unknown) => value is T): T | undefined {
    const value = this.#take(name);
    if (value === undefined || value === null) return undefined;
    if (is(value)) return value;
    this.problem(name, `must be ${type}, is ${typeName(value)}`);
    return undefined;
  }
}

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === "" ||
  (Array.isArray(value) && value.length === 0) ||
  (isRecord(value) && Object.keys(value).length === 0);
const show = (name: string): string => JSON.stringify(name.slice(0, 80));

function typeName(value: unknown): string {
  if (value === null || value === undefined) return "empty";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
