/** The configuration files of the two releases of containerd; they share hardly a key. */
export type Release = "1.6" | "2.4";

export interface ConfigInput {
  readonly folder: string;
  /** Path of the low-level runtime. */
  readonly runc: string;
  readonly sandboxImage: string;
}

/** Debian keeps the CNI plugins here; other installations under /opt. */
const CNI_PLUGINS = "/usr/lib/cni";

/** Each of them logs an error at start where its file system is not there. */
const NO_SNAPSHOTTERS = ["aufs", "btrfs", "devmapper", "zfs"]
  .map((name) => `"io.containerd.snapshotter.v1.${name}"`)
  .join(", ");

export function configFor(release: Release, input: ConfigInput): string {
  return release === "1.6" ? configVersion2(input) : configVersion4(input);
}

/**
 * In both: nothing outside the folder (the "opt" plugin would make /opt/containerd), no snapshotter but overlayfs, and no attempt to lower a process's OOM
 * score, which takes a capability that test machines lack.
 */
function configVersion2({ folder, runc, sandboxImage }: ConfigInput): string {
  return `version = 2
root = "${folder}/root"
state = "${folder}/state"
oom_score = 0
disabled_plugins = [${NO_SNAPSHOTTERS}]
[grpc]
  address = "${folder}/containerd.sock"
[ttrpc]
  address = "${folder}/containerd.sock.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "${folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${sandboxImage}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "${runc}"
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${CNI_PLUGINS}"
    conf_dir = "${folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "${folder}/hosts"
`;
}

function configVersion4({ folder, runc, sandboxImage }: ConfigInput): string {
  return `version = 4
root = "${folder}/root"
state = "${folder}/state"
oom_score = 0
disabled_plugins = [${NO_SNAPSHOTTERS}]
[plugins.'io.containerd.server.v1.grpc']
  address = "${folder}/containerd.sock"
[plugins.'io.containerd.server.v1.ttrpc']
  address = "${folder}/containerd.sock.ttrpc"
[plugins.'io.containerd.internal.v1.opt']
  path = "${folder}/opt"
[plugins.'io.containerd.nri.v1.nri']
  disable = true
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "${sandboxImage}"
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = "${folder}/hosts"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      BinaryName = "${runc}"
      SystemdCgroup = false
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["${CNI_PLUGINS}"]
    conf_dir = "${folder}/cni"
`;
}
