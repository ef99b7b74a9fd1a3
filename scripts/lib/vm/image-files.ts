/** What the machine's file system holds beside Debian's packages. */
import { AGENT_PROGRAM } from "./agent.ts";

/**
 * systemd with logind, the runtime of the same Debian, and what kubeadm and kubelet look for. perl-base is in every Debian. No network manager: the machine has
 * no network unless a test gives it one.
 */
export const PACKAGES: readonly string[] = [
  "systemd",
  "systemd-sysv",
  "libpam-systemd",
  "dbus",
  "udev",
  "kmod",
  "mount",
  "procps",
  "iproute2",
  "iptables",
  "nftables",
  "conntrack",
  "ethtool",
  "socat",
  "curl",
  "ca-certificates",
  "busybox-static",
  "libatomic1",
  "containerd",
  "runc",
  "containernetworking-plugins",
  "linux-image-cloud-amd64",
];

export interface ImageFile {
  /** Absolute, in the machine. */
  readonly path: string;
  readonly text: string;
  readonly mode?: number;
}

/** The machine's address, on an interface that leads nowhere. */
export const VM_ADDRESS = "10.205.0.10";
/** The runtime's pause image, and a busybox: both are in the machine from the start. */
export const PAUSE_IMAGE = "registry.k8s.io/pause:3.10.2";
export const BUSYBOX_IMAGE = "registry.local/busybox:1";
/** The virtio-serial port between host and agent. */
export const AGENT_PORT = "kubelet-ts.agent";

export const FILES: readonly ImageFile[] = [
  { path: "/usr/local/lib/vm-agent.pl", text: AGENT_PROGRAM, mode: 0o755 },
  {
    path: "/etc/systemd/system/vm-agent.service",
    text: `[Unit]
Description=Runs the commands of the tests
StartLimitIntervalSec=0
[Service]
ExecStart=/usr/bin/perl /usr/local/lib/vm-agent.pl /dev/virtio-ports/${AGENT_PORT}
Restart=always
RestartSec=1
# What a test started in the background is not ours to end.
KillMode=process
WorkingDirectory=/root
Environment=HOME=/root
`,
  },
  {
    path: "/etc/udev/rules.d/70-vm-agent.rules",
    text: `SUBSYSTEM=="virtio-ports", ATTR{name}=="${AGENT_PORT}", TAG+="systemd", ENV{SYSTEMD_WANTS}+="vm-agent.service"\n`,
  },
  {
    path: "/etc/systemd/system/vm-network.service",
    text: `[Unit]
Description=An address for the node
DefaultDependencies=no
Before=network.target
Wants=network.target
After=systemd-modules-load.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'ip link set lo up; ip link add node0 type dummy; ip address add ${VM_ADDRESS}/24 dev node0; ip link set node0 up; ip route add default dev node0'
[Install]
WantedBy=multi-user.target
`,
  },
  { path: "/etc/modules-load.d/vm.conf", text: "dummy\noverlay\nbr_netfilter\nveth\nvirtio_console\n" },
  // For hardware that is not there; trying takes seconds.
  { path: "/etc/modprobe.d/vm.conf", text: "blacklist kvm_amd\nblacklist powernow_k8\nblacklist aesni_intel\n" },
  {
    path: "/etc/sysctl.d/60-kubernetes.conf",
    text: "net.ipv4.ip_forward = 1\nnet.bridge.bridge-nf-call-iptables = 1\nnet.bridge.bridge-nf-call-ip6tables = 1\n",
  },
  { path: "/etc/hostname", text: "vm\n" },
  { path: "/etc/hosts", text: `127.0.0.1 localhost\n${VM_ADDRESS} vm\n` },
  { path: "/etc/resolv.conf", text: "" },
  { path: "/etc/fstab", text: "" },
  {
    path: "/etc/systemd/journald.conf.d/vm.conf",
    text: "[Journal]\nStorage=persistent\nRateLimitBurst=0\nSystemMaxUse=200M\n",
  },
  // The one on the serial line shows a prompt: without it a login program waits there for ever.
  {
    path: "/etc/systemd/system.conf.d/vm.conf",
    text: "[Manager]\nDefaultTimeoutStopSec=60s\nDefaultTimeoutStartSec=120s\n",
  },
  {
    path: "/etc/containerd/config.toml",
    text: `version = 2
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = true
`,
  },
  {
    path: "/etc/cni/net.d/10-pods.conflist",
    text: JSON.stringify({
      cniVersion: "0.4.0",
      name: "pods",
      plugins: [
        {
          type: "bridge",
          bridge: "cni0",
          isGateway: true,
          ipMasq: true,
          hairpinMode: true,
          ipam: { type: "host-local", ranges: [[{ subnet: "10.206.0.0/24" }]], routes: [{ dst: "0.0.0.0/0" }] },
        },
        { type: "portmap", capabilities: { portMappings: true } },
      ],
    }),
  },
];

/** Units that would start at boot and are of no use to a test: each costs seconds on an emulated processor. */
export const MASKED_UNITS: readonly string[] = [
  "getty@tty1.service",
  "serial-getty@ttyS0.service",
  "e2scrub_reap.service",
  "e2scrub_all.timer",
  "systemd-pstore.service",
  "apt-daily.timer",
  "apt-daily-upgrade.timer",
  "dpkg-db-backup.timer",
  "fstrim.timer",
  "systemd-networkd.service",
  "systemd-networkd-wait-online.service",
  "systemd-timesyncd.service",
  "systemd-resolved.service",
  "nftables.service",
  "modprobe@fuse.service",
  "modprobe@loop.service",
  "modprobe@drm.service",
  "modprobe@dm_mod.service",
  "modprobe@efi_pstore.service",
  "modprobe@configfs.service",
  "sys-kernel-debug.mount",
  "sys-kernel-tracing.mount",
  "dev-hugepages.mount",
  "dev-mqueue.mount",
  "systemd-random-seed.service",
  "systemd-hwdb-update.service",
  "ldconfig.service",
];
