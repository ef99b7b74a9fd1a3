/**
 * A network namespace for this process and everything it starts. It has no name and no file, so it ends with the last process or mount that holds it: bridges,
 * veth pairs, firewall rules and sysctls made inside cannot leak.
 */
import koffi from "koffi";
import { run } from "./run.ts";

/** linux/sched.h */
const CLONE_NEWNET = 0x40000000;

export interface OwnNetwork {
  /** The node's address: not loopback, because a node may not have one of those. */
  readonly address: string;
  /** Opens the namespace to `nsenter --net=FILE` while this process lives. */
  readonly file: string;
}

/**
 * Moves this process into a new namespace with loopback, a bridge that carries `address`, a default route over it and forwarding. To be called once, before
 * any socket is opened. Only the main thread moves, which is where Node makes its sockets and starts its children; worker threads made later follow.
 */
export async function enterOwnNetwork(address = "10.201.0.1"): Promise<OwnNetwork> {
  const libc = koffi.load("libc.so.6");
  const unshare = libc.func("int unshare(int flags)");
  if (unshare(CLONE_NEWNET) !== 0) {
    throw new Error(
      `make a network namespace: unshare failed with errno ${koffi.errno()}; this needs root (CAP_SYS_ADMIN)`,
    );
  }
  // A bridge without a port has no carrier, and an address without carrier is no usable one: one end of a veth pair is its port, the other lies idle.
  const commands = [
    "link set lo up",
    "link add node0 type bridge",
    "link add node0-in type veth peer name node0-out",
    "link set node0-in master node0",
    "link set node0-in up",
    "link set node0-out up",
    `address add ${address}/24 dev node0`,
    "link set node0 up",
    "route add default dev node0",
  ];
  await run("ip", ["-batch", "-"], { input: `${commands.join("\n")}\n` });
  // By a child: /proc/sys/net shows the namespace of the task that opens it, and our file system calls run on other threads.
  await run("sh", ["-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
  return { address, file: `/proc/${process.pid}/ns/net` };
}
