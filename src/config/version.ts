/** The Kubernetes version whose kubelet this one stands in for. */
export const KUBERNETES_VERSION = "v1.37.2";

/** What `--version=vX` may say: the same release, with a suffix of one's own. */
export function versionProblem(version: string): string | undefined {
  const own = version === KUBERNETES_VERSION || /^[-+][-+.\da-zA-Z]+$/.test(version.slice(KUBERNETES_VERSION.length));
  return version.startsWith(KUBERNETES_VERSION) && own
    ? undefined
    : `must begin with ${KUBERNETES_VERSION}, which this kubelet stands in for, got "${version}"`;
}

/** What `--version` prints, or the fields behind it for `--version=raw`. */
export function renderVersion(version: string, raw: boolean): string {
  if (!raw) return `Kubernetes ${version}\n`;
  const [, major = "", minor = ""] = /^v(\d+)\.(\d+)/.exec(version) ?? [];
  return `version.Info{Major:"${major}", Minor:"${minor}", GitVersion:"${version}", Platform:"linux"}\n`;
}
