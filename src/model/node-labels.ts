type Labels = { readonly [key: string]: string };

export const LABEL_OS = "kubernetes.io/os";
export const LABEL_ARCH = "kubernetes.io/arch";
export const LABEL_BETA_OS = "beta.kubernetes.io/os";
export const LABEL_BETA_ARCH = "beta.kubernetes.io/arch";
export const LABEL_HOSTNAME = "kubernetes.io/hostname";

/** Go's names, which Kubernetes uses for processors. */
const GO_ARCH: { readonly [nodeArch: string]: string } = { x64: "amd64", arm64: "arm64" };
/** `arch`: Node's name, as in `process.arch`. */
export const goArch = (arch: string): string => GO_ARCH[arch] ?? arch;
export const GO_OS = "linux";

/** Labels of a new Node: what every node has, then those of `--node-labels`, which win. */
export const initialLabels = (nodeName: string, arch: string, given: Labels): Labels => ({
  [LABEL_HOSTNAME]: nodeName,
  [LABEL_OS]: GO_OS,
  [LABEL_ARCH]: arch,
  [LABEL_BETA_OS]: GO_OS,
  [LABEL_BETA_ARCH]: arch,
  ...given,
});
