import { dirname } from "node:path";
import { flagsUnit, kubeadmDropIn, packagedUnit, SERVICE_PATHS, standaloneConfig, standaloneUnit } from "./units.ts";

/** How the installed kubelet is to get its configuration. */
export type Mode = "standalone" | "kubeadm" | "flags";

export interface Wish {
  readonly mode: Mode;
  /** Where the executable goes. */
  readonly binDir: string;
  /** The kubelet's own, for its unit. */
  readonly flags: readonly string[];
  readonly start: boolean;
  /** For a new configuration: the resolver file that pods can use, where that is not the usual one. */
  readonly resolvConf?: string | undefined;
}

export const UNIT = "kubelet.service";
export const unitPath = (unit: string): string => `/etc/systemd/system/${unit}`;
export const UNIT_PATH = unitPath(UNIT);

/** What is to be there in the end. */
export interface WantedFile {
  readonly path: string;
  readonly content: string;
  readonly mode: number;
  /** It is for people to change: one that is there already stays as it is. */
  readonly yours?: boolean;
}

export interface Wanted {
  readonly executable: string;
  readonly files: readonly WantedFile[];
  /** With modes. */
  readonly directories: readonly { readonly path: string; readonly mode: number }[];
}

export function wantedOf({ mode, binDir, flags, resolvConf }: Wish): Wanted {
  const executable = `${binDir}/kubelet`;
  const unit = (content: string): WantedFile => ({ path: UNIT_PATH, content, mode: 0o644 });
  if (mode === "flags") return { executable, files: [unit(flagsUnit(executable, flags))], directories: [] };
  if (mode === "kubeadm") {
    const dropIn = { path: `${UNIT_PATH}.d/10-kubeadm.conf`, content: kubeadmDropIn(executable), mode: 0o644 };
    return {
      executable,
      files: [unit(packagedUnit(executable)), dropIn],
      // kubeadm puts its own files there, and expects the second one.
      directories: [{ path: "/etc/kubernetes/manifests", mode: 0o755 }],
    };
  }
  return {
    executable,
    files: [
      { path: SERVICE_PATHS.standaloneConfig, content: standaloneConfig(resolvConf), mode: 0o600, yours: true },
      unit(standaloneUnit(executable, { flags })),
    ],
    directories: [
      { path: dirname(SERVICE_PATHS.standaloneConfig), mode: 0o755 },
      { path: SERVICE_PATHS.standalonePods, mode: 0o700 },
    ],
  };
}

/** The command line that the unit will run, for checking it beforehand. undefined: kubeadm has not written it yet. */
export function commandLine({ mode, flags }: Wish, kubeadmReady: boolean): readonly string[] | undefined {
  if (mode === "flags") return flags;
  if (mode === "standalone") return [`--config=${SERVICE_PATHS.standaloneConfig}`, ...flags];
  const { bootstrapKubeconfig, kubeconfig, kubeadmConfig } = SERVICE_PATHS;
  return kubeadmReady
    ? [`--bootstrap-kubeconfig=${bootstrapKubeconfig}`, `--kubeconfig=${kubeconfig}`, `--config=${kubeadmConfig}`]
    : undefined;
}
