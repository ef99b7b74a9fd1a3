/**
 * What the Debian package does beside laying out files, in the way of debhelper's dh_installsystemd: the administrator's choice of what is enabled is kept, and
 * policy-rc.d is asked before anything is started. Pods are never touched: a kubelet that ends leaves them running, and the next one takes them over.
 */
import { SERVICE_PATHS } from "../../../src/service/index.ts";

export const NODE_UNIT = "kubelet.service";
export const STANDALONE_UNIT = "kubelet-standalone.service";

/**
 * The first installation enables the node's unit, as upstream's package does by preset, and starts nothing, because there is no configuration yet; unless there
 * is: then this machine was a node of another kubelet, which this package has just replaced, and the node goes on.
 */
const POSTINST = `#!/bin/sh
set -e

case $1 in
  configure | abort-upgrade | abort-deconfigure | abort-remove) ;;
  *) exit 0 ;;
esac

for unit in ${NODE_UNIT} ${STANDALONE_UNIT}; do
  deb-systemd-helper unmask $unit >/dev/null || true
done
if deb-systemd-helper --quiet was-enabled ${NODE_UNIT}; then
  deb-systemd-helper enable ${NODE_UNIT} >/dev/null || true
else
  # Somebody has disabled it: only what is known of it is brought up to date.
  deb-systemd-helper update-state ${NODE_UNIT} >/dev/null || true
fi
deb-systemd-helper update-state ${STANDALONE_UNIT} >/dev/null || true

if [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload >/dev/null || true
  for unit in ${NODE_UNIT} ${STANDALONE_UNIT}; do
    if systemctl --quiet is-active $unit; then
      deb-systemd-invoke restart $unit >/dev/null || true
    fi
  done
  if [ -z "$2" ] && [ -e ${SERVICE_PATHS.kubeadmConfig} ]; then
    deb-systemd-invoke start ${NODE_UNIT} >/dev/null || true
  fi
fi
`;

const PRERM = `#!/bin/sh
set -e

# An upgrade leaves the kubelet running until the new one is there.
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  deb-systemd-invoke stop ${NODE_UNIT} ${STANDALONE_UNIT} >/dev/null || true
fi
`;

const POSTRM = `#!/bin/sh
set -e

if [ "$1" = remove ]; then
  if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload >/dev/null || true
  fi
  if [ -x /usr/bin/deb-systemd-helper ]; then
    deb-systemd-helper mask ${NODE_UNIT} ${STANDALONE_UNIT} >/dev/null || true
  fi
fi

# Pods, and what they wrote below /var/lib/kubelet, are not ours to delete.
if [ "$1" = purge ] && [ -x /usr/bin/deb-systemd-helper ]; then
  deb-systemd-helper purge ${NODE_UNIT} ${STANDALONE_UNIT} >/dev/null || true
  deb-systemd-helper unmask ${NODE_UNIT} ${STANDALONE_UNIT} >/dev/null || true
fi
`;

export const MAINTAINER_SCRIPTS: Readonly<Record<string, string>> = {
  postinst: POSTINST,
  prerm: PRERM,
  postrm: POSTRM,
};
