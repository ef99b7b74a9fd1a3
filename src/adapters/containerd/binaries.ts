import { accessSync, constants, statSync } from "node:fs";
import { join } from "node:path";
import { KubeletError } from "../../base/fault.ts";

/** The programs that an embedded runtime is made of: absolute paths. */
export interface Binaries {
  readonly containerd: string;
  readonly shim: string;
  readonly ctr: string;
  /** In order of preference; crun still has to be accepted (facts.ts). */
  readonly ociRuntimes: readonly string[];
  readonly cniPlugins: { readonly [name: string]: string };
}

/** What a missing program is called in Debian, and what it is looked for as. */
interface Part {
  readonly program: string;
  readonly needs: string;
  readonly debian: string;
}

const PROGRAMS: readonly Part[] = [
  { program: "containerd", needs: "containerd", debian: "containerd" },
  { program: "containerd-shim-runc-v2", needs: "containerd-shim-runc-v2", debian: "containerd" },
  { program: "ctr", needs: "ctr", debian: "containerd" },
  { program: "runc", needs: "runc (or crun)", debian: "runc" },
  // portmap and the masquerading of bridge run it.
  { program: "iptables", needs: "iptables", debian: "iptables" },
];
const CNI_PLUGINS = ["bridge", "host-local", "portmap", "loopback"];

const PROGRAM_DIRS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
const CNI_DIRS = ["/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"];

export interface SearchPlaces {
  /** $PATH of this process. */
  readonly path: string;
  /** Searched before the usual folders. */
  readonly cniBinDirs: readonly string[];
}

/** Folders in which programs are looked for: PATH first, then the usual ones. */
export const programDirs = (path: string): readonly string[] => [
  ...new Set([...path.split(":").filter((dir) => dir.startsWith("/")), ...PROGRAM_DIRS]),
];

/**
 * Finds every part.
 *
 * @throws KubeletError `start-refused` that names all missing parts at once, and the Debian packages that bring them
 */
export function findBinaries(places: SearchPlaces, isProgram: (path: string) => boolean = isExecutable): Binaries {
  const dirs = programDirs(places.path);
  const cniDirs = [...new Set([...places.cniBinDirs, ...CNI_DIRS])];
  const find = (name: string, where: readonly string[]) =>
    where.map((dir) => join(dir, name)).find((path) => isProgram(path));

  const found = new Map(PROGRAMS.map(({ program }) => [program, find(program, dirs)]));
  const ociRuntimes = [found.get("runc"), find("crun", dirs)].filter((path) => path !== undefined);
  const plugins = CNI_PLUGINS.map((name) => [name, find(name, cniDirs)] as const);

  const missing = [
    ...PROGRAMS.filter(({ program }) => (program === "runc" ? ociRuntimes.length === 0 : !found.get(program))),
    ...plugins
      .filter(([, path]) => !path)
      .map(([name]): Part => ({ program: name, needs: `CNI plugin ${name}`, debian: "containernetworking-plugins" })),
  ];
  if (missing.length > 0) throw missingParts(missing, dirs, cniDirs);
  return {
    containerd: found.get("containerd") ?? "",
    shim: found.get("containerd-shim-runc-v2") ?? "",
    ctr: found.get("ctr") ?? "",
    ociRuntimes,
    cniPlugins: Object.fromEntries(plugins.map(([name, path]) => [name, path ?? ""])),
  };
}

function missingParts(parts: readonly Part[], dirs: readonly string[], cniDirs: readonly string[]): KubeletError {
  const needs = parts.map((part) => part.needs);
  const packages = [...new Set(parts.map((part) => part.debian))];
  const plugins = parts.some((part) => part.needs.startsWith("CNI plugin"));
  const programs = parts.some((part) => !part.needs.startsWith("CNI plugin"));
  const where = [
    ...(programs ? [`programs in ${dirs.join(":")}`] : []),
    ...(plugins ? [`plugins in ${cniDirs.join(":")}`] : []),
  ];
  return new KubeletError(
    `Cannot start embedded containerd: ${needs.join(", ")} not found (looked for ${where.join(", ")}); ` +
      `on Debian: apt-get install ${packages.join(" ")}`,
    { code: "start-refused", what: "embedded containerd" },
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
