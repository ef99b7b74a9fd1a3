/** A containerd of one test's own, with a busybox image that is also its pause image. Nothing of it is shared with another containerd. */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { busyboxImage, imageArchive } from "../../scripts/lib/images.ts";
import { run, stopChild } from "../../scripts/lib/run.ts";
import { waitFor } from "../../scripts/lib/wait.ts";
import type { Scratch } from "../support/scratch.ts";

export const IMAGE = "localhost/busybox:cri";

export interface Daemon {
  readonly endpoint: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** `folder` is where containerd, its shim and ctr are. Resolves when the image is there. */
export async function startDaemon(folder: string, scratch: Scratch, name: string): Promise<Daemon> {
  const base = scratch.path(name);
  const socket = `${base}/c.sock`;
  const env = { PATH: `${folder}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin` };
  mkdirSync(`${base}/cni`, { recursive: true });
  writeFileSync(`${base}/cni/10-loop.conflist`, '{"cniVersion":"0.4.0","name":"lo","plugins":[{"type":"loopback"}]}');
  writeFileSync(`${base}/config.toml`, config(base, socket));
  const log = openSync(`${base}/containerd.log`, "a");
  const child = spawn(`${folder}/containerd`, ["--config", `${base}/config.toml`], {
    env,
    stdio: ["ignore", log, log],
  });
  const ctr = (...args: readonly string[]) =>
    run(`${folder}/ctr`, ["--address", socket, "--namespace", "k8s.io", ...args], { env, timeout: 60_000 });
  closeSync(log);
  // Shims outlive containerd by design: whoever uses the daemon removes its sandboxes first.
  const stop = () => stopChild(child);
  try {
    const explain = () => readFileSync(`${base}/containerd.log`, "utf8").slice(-3000);
    await waitFor("containerd to answer", () => ctr("version"), { timeout: 60_000, explain });
    const image = await busyboxImage({ Entrypoint: ["/bin/sleep"], Cmd: ["2147483647"] });
    writeFileSync(`${base}/image.tar`, await imageArchive(image, IMAGE));
    await ctr("images", "import", `${base}/image.tar`);
    return { endpoint: `unix://${socket}`, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const config = (base: string, socket: string): string => `
version = 2
root = "${base}/root"
state = "${base}/state"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "${socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${IMAGE}"
  # Where the tests themselves may not lower their OOM score (a container), runc could not either.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${base}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
`;
