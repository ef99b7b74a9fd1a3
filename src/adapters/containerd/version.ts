/** Version of containerd, compared by its first two numbers. */
export interface ContainerdVersion {
  readonly major: number;
  readonly minor: number;
  /** As the program prints it. */
  readonly text: string;
}

/** Reads `containerd --version`: "containerd github.com/containerd/containerd/v2 v2.4.2 <commit>". undefined where it is something else. */
export function parseContainerdVersion(output: string): ContainerdVersion | undefined {
  const found = /^containerd \S+ v?((\d+)\.(\d+)\.\S+)/.exec(output);
  if (!found) return undefined;
  const [, text = "", major, minor] = found;
  return { major: Number(major), minor: Number(minor), text };
}

export const atLeast = (version: ContainerdVersion, major: number, minor: number): boolean =>
  version.major > major || (version.major === major && version.minor >= minor);
