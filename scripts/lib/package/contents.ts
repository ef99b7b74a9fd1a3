/** What the Debian package is made of. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { constants, gzipSync } from "node:zlib";
import { verbUsages } from "../../../src/cli/index.ts";
import { KUBERNETES_VERSION } from "../../../src/config/version.ts";
import {
  kubeadmDropIn,
  packagedUnit,
  SERVICE_PATHS,
  standaloneConfig,
  standaloneUnit,
} from "../../../src/service/index.ts";
import { bashCompletion, zshCompletion } from "./completion.ts";
import type { DebOptions } from "./deb.ts";
import { MAINTAINER_SCRIPTS, NODE_UNIT, STANDALONE_UNIT } from "./maintainer-scripts.ts";
import { manPage } from "./man.ts";
import type { Entry } from "./tar.ts";

const ROOT = join(import.meta.dirname, "../../..");
const UNITS = "/usr/lib/systemd/system";
const DOC = "/usr/share/doc/kubelet-ts";

export const ARCHITECTURE = process.arch === "arm64" ? "arm64" : "amd64";

/** Under this name, as kubeadm's own package owns `10-kubeadm.conf`: where that is installed too, its words count, which are the same. */
export const DROP_IN = `${UNITS}/${NODE_UNIT}.d/05-kubeadm.conf`;

export interface DebContents {
  readonly version: string;
  readonly kubelet: Uint8Array;
  /** Licences of what is in it. */
  readonly notices: string;
  readonly time: Date;
}

/**
 * Node is linked against the C and C++ libraries of the machine; the versions are those of the symbols that it asks for, which a test compares. libatomic1 is
 * the only one that Debian does not have on every machine.
 */
const DEPENDS = ["libc6 (>= 2.28)", "libstdc++6 (>= 5)", "libgcc-s1 (>= 4.2)", "libatomic1"];

export function debContents({ version, kubelet, notices, time }: DebContents): DebOptions {
  const files: Entry[] = [
    { path: SERVICE_PATHS.packaged, mode: 0o755, content: kubelet },
    file(`${UNITS}/${NODE_UNIT}`, packagedUnit(SERVICE_PATHS.packaged)),
    file(DROP_IN, kubeadmDropIn(SERVICE_PATHS.packaged)),
    file(`${UNITS}/${STANDALONE_UNIT}`, standaloneUnit(SERVICE_PATHS.packaged, { excludes: NODE_UNIT })),
    { path: SERVICE_PATHS.standaloneConfig, mode: 0o600, content: standaloneConfig() },
    { path: SERVICE_PATHS.standalonePods, mode: 0o700 },
    { path: "/etc/kubernetes/manifests", mode: 0o755 },
    file("/usr/share/man/man8/kubelet.8.gz", gzip(manPage({ version, date: time, verbs: verbUsages() }))),
    file("/usr/share/bash-completion/completions/kubelet", bashCompletion(verbUsages())),
    file("/usr/share/zsh/vendor-completions/_kubelet", zshCompletion(verbUsages())),
    file(`${DOC}/copyright`, `${COPYRIGHT}\n${notices}`),
    file(`${DOC}/changelog.gz`, gzip(readFileSync(join(ROOT, "CHANGELOG.md")))),
  ];
  return {
    control: controlOf(version),
    entries: files,
    conffiles: [SERVICE_PATHS.standaloneConfig],
    scripts: MAINTAINER_SCRIPTS,
    time,
  };
}

const controlOf = (version: string): DebOptions["control"] => ({
  Package: "kubelet-ts",
  Version: debianVersion(version),
  Architecture: ARCHITECTURE,
  Maintainer: "kubelet-ts maintainers <maintainers@kubelet-ts.invalid>",
  Section: "net",
  Priority: "optional",
  Depends: DEPENDS.join(", "),
  // What a node needs beside a kubelet, unless it is brought by other means.
  Recommends: "containerd | cri-o, runc | crun, containernetworking-plugins, iptables",
  Suggests: "kubeadm, kubectl",
  // For packages that ask for upstream's, at the version that this one follows.
  Provides: `kubelet (= ${KUBERNETES_VERSION.replace(/^v/, "")})`,
  Conflicts: "kubelet",
  Replaces: "kubelet",
  Description: `node agent of Kubernetes, in TypeScript
 Runs pods on this machine, as a node of a cluster or from a folder of manifests
 without one. Takes the place of upstream's kubelet ${KUBERNETES_VERSION}: the same flags,
 configuration file, directories and units, so that kubeadm works unchanged.
 .
 ${NODE_UNIT} is the node of a cluster made by kubeadm.
 ${STANDALONE_UNIT} runs the pods of ${SERVICE_PATHS.standalonePods} without one.`,
});

/** A pre-release sorts before its release. */
export const debianVersion = (version: string): string => version.replace("-", "~");

const COPYRIGHT = `kubelet-ts is free software under the Apache License 2.0, see /usr/share/common-licenses/Apache-2.0.
`;

const file = (path: string, content: Uint8Array | string): Entry => ({ path, mode: 0o644, content });
/** Node writes no time into it. */
const gzip = (content: Uint8Array | string): Buffer => gzipSync(content, { level: constants.Z_BEST_COMPRESSION });
