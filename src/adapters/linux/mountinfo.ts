/** One line of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export interface MountLine {
  readonly id: string;
  readonly root: string;
  readonly target: string;
  readonly options: readonly string[];
  readonly shared: boolean;
  readonly type: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

/**
 * In the kernel's order: a later mount on the same target lies on top. Lines that are not as documented are left out, and those that don't
 * name `path` may be: a node of many pods has some thousand lines, and asks for each pod.
 */
export function parseMountinfo(text: string, path?: string): readonly MountLine[] {
  // What the kernel would write as an escape is not looked for.
  const mark = path === undefined || /[\s\\#]/.test(path) ? "" : ` ${path}`;
  return text.split("\n").flatMap((line) => {
    if (!line.includes(mark)) return [];
    const [before, after] = line.split(" - ", 2);
    const [id, , , root, target, options, ...tags] = (before ?? "").split(" ");
    const [type, source, superOptions] = (after ?? "").split(" ");
    if (id === undefined || root === undefined || target === undefined || options === undefined) return [];
    if (type === undefined || source === undefined) return [];
    return [
      {
        id,
        root: unescaped(root),
        target: unescaped(target),
        options: options.split(","),
        shared: tags.some((tag) => tag.startsWith("shared:")),
        type,
        source: unescaped(source),
        superOptions: (superOptions ?? "").split(","),
      },
    ];
  });
}

/** Mounts at `prefix` or below, the one to unmount first in front: deeper before shallower, on top before beneath. */
export function mountsBelow(mounts: readonly MountLine[], prefix: string): readonly MountLine[] {
  const inside = prefix === "/" ? "/" : `${prefix}/`;
  return mounts
    .filter(({ target }) => target === prefix || target.startsWith(inside))
    .reverse()
    .sort((a, b) => depth(b.target) - depth(a.target));
}

const depth = (path: string): number => path.split("/").filter(Boolean).length;

// Space, tab, newline and backslash come as \040 and the like.
const unescaped = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
