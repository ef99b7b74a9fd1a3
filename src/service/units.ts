import { execStart, unitWord } from "./words.ts";

/** Where the parts of the service lie, by convention of kubeadm and of Debian. */
export const SERVICE_PATHS = {
  /** Where kubeadm and its drop-in expect the kubelet; the package puts it there. */
  packaged: "/usr/bin/kubelet",
  /** Where `kubelet install` puts it: /usr/bin is dpkg's. */
  local: "/usr/local/bin/kubelet",
  /** `KUBELET_EXTRA_ARGS="…"`: flags of the machine's administrator; the last ones on the line, so they win. */
  extraArgs: "/etc/default/kubelet",
  /** Written by `kubeadm init` and `kubeadm join`. */
  kubeadmArgs: "/var/lib/kubelet/kubeadm-flags.env",
  kubeadmConfig: "/var/lib/kubelet/config.yaml",
  bootstrapKubeconfig: "/etc/kubernetes/bootstrap-kubelet.conf",
  kubeconfig: "/etc/kubernetes/kubelet.conf",
  standaloneConfig: "/etc/kubelet/config.yaml",
  standalonePods: "/etc/kubelet/pods",
} as const;

/** Where a person changes the options of a service that is there. */
export const PLACES = {
  standalone: `${SERVICE_PATHS.standaloneConfig}, or KUBELET_EXTRA_ARGS in ${SERVICE_PATHS.extraArgs}`,
  flags: `its unit (kubelet install again, with other flags after --), or KUBELET_EXTRA_ARGS in ${SERVICE_PATHS.extraArgs}`,
  kubeadm: `${SERVICE_PATHS.kubeadmConfig}, ${SERVICE_PATHS.kubeadmArgs}, or KUBELET_EXTRA_ARGS in ${SERVICE_PATHS.extraArgs}`,
} as const;

/** Seconds without a sign of health after which systemd ends and restarts the kubelet; it gives one at half of it. */
export const WATCHDOG_SECONDS = 60;

interface UnitTexts {
  readonly description: string;
  /** Lines of `[Unit]` after the common ones. */
  readonly unit?: readonly string[];
  readonly command: string;
  readonly environmentFile?: string;
}

/**
 * `kubelet.service` of the package: upstream's (`Restart=always`, 10 s, no start limit, so that it goes on trying until kubeadm has written its
 * files), and what systemd can do for a kubelet beyond that. A drop-in gives it its flags: see `kubeadmDropIn`.
 */
export const packagedUnit = (executable: string = SERVICE_PATHS.packaged): string =>
  unitText({ description: "kubelet: The Kubernetes Node Agent", command: execStart(executable, []) });

/**
 * A node without a cluster: its configuration and pods are files under /etc/kubelet. `kubelet-standalone.service` of the package, which must not
 * run beside `kubelet.service`; `kubelet.service` where `kubelet install --standalone` writes it.
 * @param excludes another unit that uses the same root directory
 */
export function standaloneUnit(
  executable: string,
  { excludes, flags = [] }: { readonly excludes?: string; readonly flags?: readonly string[] } = {},
): string {
  const words = [`--config=${SERVICE_PATHS.standaloneConfig}`, ...flags].map(unitWord);
  return unitText({
    description: "kubelet: pods of this machine, without a cluster",
    ...(excludes === undefined ? {} : { unit: [`Conflicts=${excludes}`] }),
    command: execStart(executable, [...words, "$KUBELET_EXTRA_ARGS"]),
    environmentFile: SERVICE_PATHS.extraArgs,
  });
}

/** `kubelet.service` with flags that a person gave to `kubelet install`. */
export const flagsUnit = (executable: string, flags: readonly string[]): string =>
  unitText({
    description: "kubelet: The Kubernetes Node Agent",
    command: execStart(executable, [...flags.map(unitWord), "$KUBELET_EXTRA_ARGS"]),
    environmentFile: SERVICE_PATHS.extraArgs,
  });

/**
 * kubeadm's `kubelet.service.d/10-kubeadm.conf`: files and variables of its contract, in its order. Only the executable may differ.
 * kubeadm's own Debian package owns `/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf`: another package must give its copy another name
 * that sorts before, and kubeadm's, where it is installed, wins with the same words.
 */
export function kubeadmDropIn(executable: string = SERVICE_PATHS.packaged): string {
  const { bootstrapKubeconfig, kubeconfig, kubeadmConfig, kubeadmArgs, extraArgs } = SERVICE_PATHS;
  const variables = ["KUBECONFIG", "CONFIG", "KUBEADM", "EXTRA"].map((name) => `$KUBELET_${name}_ARGS`);
  return `# How kubeadm starts the kubelet. Until \`kubeadm init\` or \`kubeadm join\` has written its files the start fails and is tried again.
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=${bootstrapKubeconfig} --kubeconfig=${kubeconfig}"
Environment="KUBELET_CONFIG_ARGS=--config=${kubeadmConfig}"
# Written by \`kubeadm init\` and \`kubeadm join\`: KUBELET_KUBEADM_ARGS
EnvironmentFile=-${kubeadmArgs}
# Yours, and the last word: KUBELET_EXTRA_ARGS. nodeRegistration.kubeletExtraArgs of kubeadm's configuration is the better place.
EnvironmentFile=-${extraArgs}
ExecStart=
ExecStart=${[unitWord(executable), ...variables].join(" ")}
`;
}

/** systemd-resolved's list of the servers behind it. */
export const RESOLVED_CONF = "/run/systemd/resolve/resolv.conf";

/** The configuration of a new node without a cluster, with what people change first. `resolvConf`: where the machine's usual one is of no use to pods. */
export const standaloneConfig = (resolvConf?: string): string => `# Options: kubelet config view --effective
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
# A containerd of the kubelet's own. Or a running one: unix:///run/containerd/containerd.sock
containerRuntimeEndpoint: embedded
# Each file here is a pod.
staticPodPath: ${SERVICE_PATHS.standalonePods}
# Behind systemd-resolved /etc/resolv.conf names an address that answers on the node, but not in its pods.
${resolvConf === undefined ? `#resolvConf: ${RESOLVED_CONF}` : `resolvConf: ${resolvConf}`}
`;

function unitText({ description, unit = [], command, environmentFile }: UnitTexts): string {
  return `[Unit]
Description=${description}
Documentation=https://kubernetes.io/docs/ man:kubelet(8)
Wants=network-online.target
After=network-online.target containerd.service crio.service docker.service
${unit.map((line) => `${line}\n`).join("")}# Never gives up: what it waits for may come at any time.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
${environmentFile === undefined ? "" : `EnvironmentFile=-${environmentFile}\n`}${command}
Restart=always
RestartSec=10
# The first start may prepare a runtime of its own; the kubelet says what it waits for: systemctl status kubelet
TimeoutStartSec=5min
# Fed only while the kubelet's own health checks pass.
WatchdogSec=${WATCHDOG_SECONDS}
# Ends the kubelet alone: containers, and a containerd of its own, go on and are taken over by the next start.
KillMode=process
# A containerd of its own lives in this unit's cgroup, with one process and some threads per pod.
Delegate=yes
TasksMax=infinity
OOMScoreAdjust=-999
SyslogIdentifier=kubelet
# Lines begin with <3>, <4>, <6>: journalctl -p warning -u kubelet
SyslogLevelPrefix=yes

[Install]
WantedBy=multi-user.target
`;
}
