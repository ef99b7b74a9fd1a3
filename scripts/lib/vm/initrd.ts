/**
 * A first file system for the kernel with what it takes to find the disk: three drivers and a busybox. Debian's own takes seconds longer to unpack and to run
 * on an emulated processor.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const DRIVERS = ["virtio_pci", "virtio_blk"];

/** The newc archive. `root` is the folder of the machine's file system, with its kernel's modules. */
export function makeInitrd(root: string): Buffer {
  const [release] = readdirSync(join(root, "lib/modules"));
  if (release === undefined) throw new Error(`${root}/lib/modules is empty: no kernel was installed`);
  const modules = join(root, "lib/modules", release);
  const paths = inOrder(readFileSync(join(modules, "modules.dep"), "utf8"), DRIVERS);
  const names = paths.map((path) => path.replace(/^.*\//, ""));
  const init = `#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for module in ${names.join(" ")}; do /bin/busybox insmod /$module; done
while [ ! -b /dev/vda ]; do /bin/busybox usleep 20000; done
/bin/busybox mount -t ext4 -o rw,noatime /dev/vda /root
exec /bin/busybox switch_root /root /sbin/init
`;
  return cpio([
    { path: "dev", mode: 0o040755 },
    { path: "root", mode: 0o040755 },
    { path: "bin", mode: 0o040755 },
    { path: "bin/busybox", mode: 0o100755, content: readFileSync(join(root, "bin/busybox")) },
    { path: "init", mode: 0o100755, content: Buffer.from(init) },
    ...paths.map((path, index) => ({
      path: names[index] ?? "",
      mode: 0o100644,
      content: readFileSync(join(modules, path)),
    })),
  ]);
}

/** Module files, each after those it needs. A line of modules.dep: "a.ko: b.ko c.ko", what is needed first comes last. */
function inOrder(dependencies: string, wanted: readonly string[]): string[] {
  const lines = new Map(
    dependencies.split("\n").map((line) => {
      const [path = "", needs = ""] = line.split(":");
      return [path, needs.split(" ").filter((other) => other !== "")] as const;
    }),
  );
  const ordered = wanted.flatMap((name) => {
    const found = [...lines].find(([path]) => path.endsWith(`/${name}.ko`));
    if (found === undefined) throw new Error(`the kernel of the virtual machine has no module ${name}`);
    return [found[0], ...found[1]].reverse();
  });
  return [...new Set(ordered)];
}

interface Entry {
  readonly path: string;
  /** With the file's type. */
  readonly mode: number;
  readonly content?: Buffer;
}

/** The format that the kernel unpacks: a header of hexadecimal numbers, the name, the content, each padded to four bytes. */
function cpio(entries: readonly Entry[]): Buffer {
  const parts = [...entries, { path: "TRAILER!!!", mode: 0 }].flatMap(
    ({ path, mode, content = Buffer.alloc(0) }: Entry, index) => {
      const fields = [index + 1, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, path.length + 1, 0];
      const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}${path}\0`;
      return [padded(Buffer.from(header)), padded(content)];
    },
  );
  return Buffer.concat(parts);
}

const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
