/** Everything that is shipped, in `dist/`: the executable, the Debian package, licences, the bill of materials, checksums of them all. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ARCHITECTURE, debContents, debianVersion } from "./contents.ts";
import { deb } from "./deb.ts";
import { dependencies, noticesText } from "./dependencies.ts";
import { sbom } from "./sbom.ts";

export interface ReleaseInput {
  /** The executable. */
  readonly kubelet: string;
  readonly version: string;
  /** Paths of the sources that went into it. */
  readonly inputs: readonly string[];
}

export interface Release {
  readonly deb: string;
  readonly sbom: string;
  readonly notices: string;
  readonly sums: string;
}

/**
 * SOURCE_DATE_EPOCH, seconds (https://reproducible-builds.org/specs/source-date-epoch/), else a fixed day: what is built does not depend on when.
 * @throws Error for one that is no number
 */
export function buildTime(epoch = process.env.SOURCE_DATE_EPOCH): Date {
  if (epoch === undefined || epoch === "") return new Date("2000-01-01T00:00:00Z");
  if (!/^\d{1,11}$/.test(epoch)) throw new Error(`SOURCE_DATE_EPOCH is "${epoch}": it must be seconds since 1970`);
  return new Date(Number(epoch) * 1000);
}

/** Writes what goes with the executable beside it. */
export async function makeRelease({ kubelet: path, version, inputs }: ReleaseInput): Promise<Release> {
  const folder = dirname(path);
  const kubelet = readFileSync(path);
  const time = buildTime();
  const all = dependencies(inputs);
  const notices = noticesText(all);
  const names = {
    deb: `kubelet-ts_${debianVersion(version)}_${ARCHITECTURE}.deb`,
    sbom: "kubelet.spdx.json",
    notices: "THIRD-PARTY-LICENSES",
  };
  const made: readonly (readonly [string, Uint8Array | string])[] = [
    [names.deb, await deb(debContents({ version, kubelet, notices, time }))],
    [names.sbom, sbom({ version, kubelet, dependencies: all, nodeParts: process.versions, time })],
    [names.notices, notices],
  ];
  for (const [name, content] of made) writeWhole(join(folder, name), content);
  const sums = [["kubelet", kubelet] as const, ...made].map(([name, content]) => `${sha256(content)}  ${name}\n`);
  const at = join(folder, "SHA256SUMS");
  writeWhole(at, sums.join(""));
  return {
    deb: join(folder, names.deb),
    sbom: join(folder, names.sbom),
    notices: join(folder, names.notices),
    sums: at,
  };
}

function writeWhole(path: string, content: Uint8Array | string): void {
  const unfinished = `${path}.${process.pid}`;
  try {
    writeFileSync(unfinished, content);
    renameSync(unfinished, path);
  } finally {
    if (existsSync(unfinished)) rmSync(unfinished);
  }
}

const sha256 = (content: Uint8Array | string): string => createHash("sha256").update(content).digest("hex");
