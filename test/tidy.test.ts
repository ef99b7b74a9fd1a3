/**
 * The structure of `src/`: rooms on floors, imports downward only, and the outside world only through ports. ARCHITECTURE.md tells why; this test keeps it
 * true. A finding names file and line and what to do.
 */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { transformSync } from "esbuild";

const ROOT = join(import.meta.dirname, "..");

/** The floor of each room. A new room is a decision about the architecture: it is made here. */
const FLOORS: Readonly<Record<string, number>> = {
  base: 0,
  model: 1,
  ports: 2,
  config: 3,
  sources: 3,
  admission: 3,
  resources: 3,
  images: 3,
  volumes: 3,
  containers: 3,
  network: 3,
  observe: 3,
  logs: 3,
  probes: 3,
  kube: 3,
  certificates: 3,
  metrics: 3,
  service: 3,
  stats: 3,
  lifecycle: 4,
  status: 4,
  node: 4,
  registration: 4,
  fitness: 4,
  reporting: 4,
  gc: 4,
  shutdown: 4,
  eviction: 4,
  server: 5,
  cli: 5,
  dashboard: 5,
};
/** Wings implement the ports, for the real world and for the simulated one; they know the floors up to the ports. */
const WINGS = ["adapters", "sim"];
const PORTS_FLOOR = 2;
const ROOF = "app";

/** What a room may use of Node besides the language: pure computation only. */
const PURE_BUILTINS = [
  "node:path",
  "node:path/posix",
  "node:util",
  "node:crypto",
  "node:buffer",
  "node:assert",
  "node:assert/strict",
];
/** Packages that compute and touch nothing. All others belong behind a port. */
const PURE_PACKAGES = ["yaml"];
const TEST_PACKAGES = ["node:test", "fast-check"];

/** Names that reach for time, chance or the process, and the port that has them. */
const DOORS: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\bDate\.now\s*\(|\bnew Date\s*\(\s*\)/, "take the time from the Clock port"],
  [/\bperformance\.now\s*\(/, "take the time from the Clock port"],
  [/\b(?:setTimeout|setInterval)\s*\(/, "sleep by the Clock port"],
  [/\bAbortSignal\.timeout\s*\(/, "set deadlines by the Clock port"],
  [/\bMath\.random\s*\(|\brandom(?:UUID|Bytes|Int|FillSync)\s*\(|\bgetRandomValues\s*\(/, "draw from the Random port"],
  [/\bfetch\s*\(/, "ask by the Http port"],
  [/\bprocess\.(?!emitWarning)\w+/, "leave the process to src/app; take what is needed as an argument"],
  [/\bconsole\.\w+\s*\(/, "write by the Log that was handed in"],
];

interface Source {
  /** Relative to the repository, as shown in findings. */
  readonly path: string;
  /** First folder below src. */
  readonly room: string;
  readonly text: string;
  /** A test, the contract suite of a port, or a double for tests. */
  readonly isTest: boolean;
}

const sources: readonly Source[] = globSync("src/**/*.ts", { cwd: ROOT })
  .filter((path) => !path.includes("/generated/") && !path.endsWith(".d.ts"))
  .sort()
  .map((path) => ({
    path,
    room: path.split("/")[1] ?? "",
    text: readFileSync(join(ROOT, path), "utf8"),
    isTest: /\.(test|contract)\.ts$|\/fake-[^/]*\.ts$/.test(path),
  }));

interface Import {
  readonly specifier: string;
  readonly line: number;
}

/** Static and dynamic imports and re-exports, types included: a type ties rooms together as well. */
function importsOf({ text }: Source): Import[] {
  const forms = [/^(?:import|export)\b[^"';]*?\bfrom\s+"([^"]+)"/gm, /^import\s+"([^"]+)"/gm, /\bimport\("([^"]+)"\)/g];
  return forms.flatMap((form) =>
    [...text.matchAll(form)].map((match) => ({ specifier: match[1] ?? "", line: lineAt(text, match.index) })),
  );
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

/** The file that a relative import means, relative to the repository. */
function targetOf(source: Source, specifier: string): string {
  return join(dirname(source.path), specifier);
}

function isWing(room: string): boolean {
  return WINGS.includes(room);
}

/** The whole program is put together in app: for real, and once more on simulated ports. */
function standsOnRoof({ room, isTest }: Source): boolean {
  return room === ROOF || (room === "sim" && isTest);
}

/** Why `source` may not import from `room`, or undefined when it may. */
function forbidden(source: Source, room: string): string | undefined {
  if (room === source.room || standsOnRoof(source)) return undefined;
  if (room === ROOF) return "nothing may import from app but app itself";
  // Unit tests may stand a room on the simulated ports.
  if (source.isTest && room === "sim") return undefined;
  if (isWing(room))
    return `${room} implements ports; ask for the port in src/ports instead, and let src/app hand the adapter in`;
  const to = FLOORS[room];
  if (to === undefined) return undefined;
  if (isWing(source.room))
    return to <= PORTS_FLOOR
      ? undefined
      : `${source.room} is a wing and may import floors 0 to ${PORTS_FLOOR}; ${room} is on floor ${to}`;
  const from = FLOORS[source.room];
  if (from === undefined || to < from) return undefined;
  return `${source.room} is on floor ${from} and ${room} on floor ${to}: imports go down only. A value both need belongs into model, a call into a port`;
}

function check(find: (source: Source) => readonly string[]): void {
  const findings = sources.flatMap(find);
  assert.equal(findings.length, 0, `${findings.length} finding(s):\n${findings.join("\n")}`);
}

test("every room has a floor", () => {
  const unknown = new Set(
    sources.map(({ room }) => room).filter((room) => !(room in FLOORS) && !isWing(room) && room !== ROOF),
  );
  assert.deepEqual([...unknown], [], "give each room a floor in test/tidy.test.ts and a line in ARCHITECTURE.md");
});

test("rooms import downward only", () => {
  check((source) =>
    importsOf(source).flatMap(({ specifier, line }) => {
      if (!specifier.startsWith(".")) return [];
      const [top, room = ""] = targetOf(source, specifier).split("/");
      const reason = top === "src" ? forbidden(source, room) : source.isTest ? undefined : "src imports only from src";
      return reason === undefined ? [] : [`${source.path}:${line} imports ${specifier}: ${reason}`];
    }),
  );
});

test("rooms from floor 3 up are imported by their index", () => {
  check((source) =>
    importsOf(source).flatMap(({ specifier, line }) => {
      if (!specifier.startsWith(".")) return [];
      const [top, room = "", ...rest] = targetOf(source, specifier).split("/");
      // Doubles are no part of what a room offers to the program.
      if (source.isTest && /\/fake-[^/]*\.ts$/.test(specifier)) return [];
      if (top !== "src" || room === source.room || (FLOORS[room] ?? 0) < 3 || rest.join("/") === "index.ts") return [];
      return [
        `${source.path}:${line} imports ${specifier}: import src/${room}/index.ts, and export the name there if it is meant for others`,
      ];
    }),
  );
});

test("imports of our own files end in .ts and nothing is exported by default", () => {
  check((source) => [
    ...importsOf(source).flatMap(({ specifier, line }) =>
      specifier.startsWith(".") && !/\.(ts|js|json)$/.test(specifier)
        ? [`${source.path}:${line} imports ${specifier}: write the file's ending`]
        : [],
    ),
    ...[...source.text.matchAll(/^export default\b/gm)].map(
      (match) => `${source.path}:${lineAt(source.text, match.index)} exports by default: give it a name`,
    ),
  ]);
});

test("files, sockets, processes and packages are used by adapters and app only", () => {
  check((source) => {
    if (source.room === "adapters" || standsOnRoof(source)) return [];
    return importsOf(source).flatMap(({ specifier, line }) => {
      if (specifier.startsWith(".")) return [];
      const allowed = [
        ...(isBuiltin(specifier) ? PURE_BUILTINS : PURE_PACKAGES),
        ...(source.isTest ? TEST_PACKAGES : []),
      ];
      // A subpath belongs to its package.
      if (allowed.some((name) => specifier === name || specifier.startsWith(`${name}/`)) || source.isTest) return [];
      return [`${source.path}:${line} imports ${specifier}: only adapters and app may; use a port`];
    });
  });
});

/** A function of the file's own may be called as it likes. */
function isOwnName({ text }: Source, found: string): boolean {
  return new RegExp(`\\bfunction ${found.replace(/\W+$/, "")}\\b`).test(text);
}

test("time, chance and the process come through ports", () => {
  check((source) => {
    if (source.room === "adapters" || source.isTest || standsOnRoof(source)) return [];
    // Compiled, because that drops comments; the line is looked up in the source again, by the text around the finding.
    const { code } = transformSync(source.text, { loader: "ts", legalComments: "none", target: "esnext" });
    return code.split("\n").flatMap((line) =>
      DOORS.flatMap(([pattern, instead]) => {
        const found = pattern.exec(line.replace(/"(?:[^"\\]|\\.)*"/g, '""'));
        if (found === null || isOwnName(source, found[0])) return [];
        const place = source.text
          .split("\n")
          .findIndex((text) => text.includes(found[0]) && !/^\s*(\/\/|\*|\/\*)/.test(text));
        return [`${source.path}:${place + 1} uses ${found[0].trim()}: ${instead}`];
      }),
    );
  });
});

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** `src/<room>/` -> what its row of ARCHITECTURE.md says of the floor; undefined for a row without one. */
function mapOf(text: string): ReadonlyMap<string, string | undefined> {
  const rows = [...text.matchAll(/^\| `(src\/[a-z0-9/]+)\/` +\| +(\w+)/gm)];
  return new Map(rows.map(([, path = "", floor]) => [path, path.split("/").length === 2 ? floor : undefined]));
}

test("ARCHITECTURE.md maps exactly the rooms and adapters that exist, each on its floor", () => {
  const map = mapOf(read("ARCHITECTURE.md"));
  const folders = new Set(
    sources.flatMap(({ path, room }) => {
      const [, , adapter = ""] = path.split("/");
      return room === "adapters" ? [`src/${room}`, `src/${room}/${adapter}`] : [`src/${room}`];
    }),
  );
  assert.deepEqual([...map.keys()].sort(), [...folders].sort(), "a row for each room and adapter, and no other");
  for (const [path, floor] of map) {
    const room = path.slice("src/".length);
    if (room.includes("/")) continue;
    const expected = isWing(room) ? "wing" : room === ROOF ? "roof" : `${FLOORS[room]}`;
    assert.equal(floor, expected, `floor of ${path} in ARCHITECTURE.md`);
  }
});

test("decisions are numbered without gaps, and the list of them is complete", () => {
  const files = globSync("docs/adr/[0-9]*.md", { cwd: ROOT }).sort();
  const list = read("docs/adr/README.md");
  for (const [index, path] of files.entries()) {
    const name = path.split("/").at(-1) ?? "";
    assert.ok(name.startsWith(`${index + 1}`.padStart(4, "0")), `${path} should be number ${index + 1}`);
    const title = /^# (\d+)\. (.+)$/m.exec(read(path));
    assert.equal(title?.[1], `${index + 1}`, `${path} should begin with "# ${index + 1}. title"`);
    assert.ok(list.includes(`(${name})`), `${path} is missing in docs/adr/README.md`);
  }
});

test("links between documents lead to files that exist", () => {
  const documents = globSync(["*.md", "docs/**/*.md"], { cwd: ROOT });
  const broken = documents.flatMap((document) =>
    [...read(document).matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)]
      .map(([, target = ""]) => target)
      .filter((target) => !/^[a-z]+:/.test(target) && !existsSync(join(ROOT, dirname(document), target)))
      .map((target) => `${document} links to ${target}`),
  );
  assert.deepEqual(broken, []);
});

test("docs/differences.md names every field of a pod that is refused or does nothing", () => {
  const text = read("docs/differences.md");
  const fields = [...read("src/containers/no-effect.ts").matchAll(/field: "([^"]+)"/g)].map(([, field = ""]) => field);
  assert.ok(fields.length > 10);
  assert.deepEqual(
    fields.filter((field) => !text.includes(`\`${field}`)),
    [],
  );
});
