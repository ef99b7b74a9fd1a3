/**
 * A machine that has booted and has its images, kept as disk and memory: to go on from there takes a second, to boot half a minute.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { busyboxImage, imageArchive, pauseImage } from "../images.ts";
import { step } from "../progress.ts";
import { run } from "../run.ts";
import { waitForBoot } from "./boot.ts";
import { Emulator, FORM, PROGRAM } from "./emulator.ts";
import { ensureImage, touch, type VmImage, vmCache } from "./image.ts";
import { BUSYBOX_IMAGE, PAUSE_IMAGE } from "./image-files.ts";

export interface Snapshot {
  readonly image: VmImage;
  readonly disk: string;
  readonly state: string;
}

/** The saved machine, booted and saved if it is not there yet, which takes about a minute. */
export async function ensureSnapshot(): Promise<Snapshot> {
  const image = await ensureImage();
  const archives = [
    await imageArchive(await pauseImage(), PAUSE_IMAGE),
    await imageArchive(await busyboxImage(), BUSYBOX_IMAGE),
  ];
  const hash = createHash("sha256");
  hash.update(JSON.stringify([image.key, FORM, await run(PROGRAM, ["--version"])]));
  for (const archive of archives) hash.update(archive);
  hash.update(makeSnapshot.toString());
  const folder = join(vmCache(), `booted-${hash.digest("hex").slice(0, 16)}`);
  if (!existsSync(folder))
    await step("Booting the virtual machine and saving it (once, about a minute)", () =>
      makeSnapshot(image, archives, folder),
    );
  touch(folder);
  return { image, disk: join(folder, "disk.raw"), state: join(folder, "state") };
}

async function makeSnapshot(image: VmImage, archives: readonly Uint8Array[], folder: string): Promise<void> {
  const work = mkdtempSync(`${folder}.unfinished-`);
  const scratch = mkdtempSync(join(tmpdir(), "kubelet-ts-vm-"));
  try {
    const disk = join(work, "disk.raw");
    await run("cp", ["--sparse=always", "--reflink=auto", image.disk, disk]);
    await using emulator = await Emulator.start({ image, folder: scratch, disk, throwaway: false, onEvent: () => {} });
    await waitForBoot(emulator);
    const command = async (line: string, input?: Uint8Array) => {
      const { code, stdout, stderr } = await emulator.agent.run(line, 120, input);
      if (code !== 0)
        throw new Error(
          `"${line}" in the virtual machine ended with ${code}: ${stdout}${stderr}\n${emulator.console()}`,
        );
    };
    for (const archive of archives) await command("ctr -n k8s.io images import -", archive);
    // It has run once, and what it needs is in memory.
    await command("sync; systemctl is-active containerd dbus systemd-logind");
    await emulator.save(join(work, "state"));
  } catch (error) {
    rmSync(work, { recursive: true, force: true });
    throw error;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  if (existsSync(folder)) rmSync(work, { recursive: true, force: true });
  else renameSync(work, folder);
}
