import { closeSync } from "node:fs";
import { KubeletError } from "../../base/fault.ts";
import type { ServiceManager } from "../../ports/service-manager.ts";
import { fileFault } from "./fault.ts";
import { libc } from "./libc.ts";

const AF_UNIX = 1;
/** Of sockaddr_un. */
const LONGEST_PATH = 107;

/**
 * The one that listens at `socket`: a path, or `@name` in the abstract name space. A socket for each message, so that nothing is held that
 * a manager which starts anew would not know.
 * @throws KubeletError `start-refused` for an address of another kind
 */
export async function connectServiceManager(socket: string): Promise<ServiceManager> {
  const address = unixAddress(socket);
  const { openDatagram, sendTo } = await libc();
  return {
    notify(state) {
      let fd: number | undefined;
      try {
        fd = openDatagram();
        sendTo(fd, Buffer.from(state), address);
      } catch (error) {
        throw fileFault("tell the service manager at", socket, error);
      } finally {
        if (fd !== undefined) closeSync(fd);
      }
    },
  };
}

/** `struct sockaddr_un`, as long as it must be: in the abstract name space each byte counts. */
export function unixAddress(socket: string): Uint8Array {
  const abstract = socket.startsWith("@");
  const name = Buffer.from(socket);
  if ((!abstract && !socket.startsWith("/")) || name.length < 2 || name.length > LONGEST_PATH) {
    throw new KubeletError(
      `Cannot use NOTIFY_SOCKET ${JSON.stringify(socket)}: need an absolute path or @name of at most ${LONGEST_PATH} bytes`,
      { code: "start-refused", what: "NOTIFY_SOCKET" },
    );
  }
  if (abstract) name[0] = 0;
  const address = Buffer.alloc(2 + name.length + (abstract ? 0 : 1));
  address.writeUInt16LE(AF_UNIX);
  name.copy(address, 2);
  return address;
}
