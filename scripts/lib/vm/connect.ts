/** A network card for a virtual machine, put in while it runs: what it sends comes out as connections of this process, so only to where this process reaches. */
import type { Vm } from "./vm.ts";

/** The machine's address on that network, and the one that stands for this machine. */
export const GUEST_ADDRESS = "10.0.2.15";
const GATEWAY = "10.0.2.2";

/**
 * Connects the machine. To be used in a network namespace of one's own (own-network.ts): whatever this process can reach, the machine can.
 * @param ports of the machine that answer here, on its own address; that must be an address of this namespace
 */
export async function connectVm(vm: Vm, ports: readonly number[]): Promise<void> {
  const forwards = ports.map((port) => ({ str: `tcp:${GUEST_ADDRESS}:${port}-${GUEST_ADDRESS}:${port}` }));
  await vm.control("netdev_add", { type: "user", id: "lan", hostfwd: forwards });
  await vm.control("device_add", { driver: "virtio-net-pci", id: "lan0", netdev: "lan", romfile: "" });
  await vm.until("the network card to appear", "test -e /sys/class/net/eth0");
  // A kubelet takes the address that the machine's name has.
  await vm.run(`sed -i 's/^.* vm$/${GUEST_ADDRESS} vm/' /etc/hosts`);
  await vm.run(
    `ip address add ${GUEST_ADDRESS}/24 dev eth0 && ip link set eth0 up && ip route replace default via ${GATEWAY} dev eth0`,
  );
}
