import { closeSync } from "node:fs";
import { KubeletError, messageOf } from "../../base/fault.ts";

/** A stream socket that can receive file descriptors. Calls wait on koffi's threads, never longer than the socket's patience. */
export interface DescriptorSocket extends Disposable {
  send(bytes: Buffer): Promise<void>;
  /** What there is, at most `size` bytes, with the descriptors that came along: closed when a program is executed. */
  receive(size: number): Promise<{ readonly bytes: Buffer; readonly descriptors: readonly number[] }>;
}

const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;
const SCM_RIGHTS = 1;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
/** Of sockaddr_un, with the closing zero. */
const PATH_BYTES = 108;
/** Room for control messages of a few descriptors; the kernel closes what does not fit. */
const CONTROL_BYTES = 64;
/** cmsghdr on 64 bits: size_t length, int level, int type. */
const CONTROL_HEADER = 16;

type Call = { async(...args: unknown[]): void };

/** @throws KubeletError `file-failed` */
export async function openSocket(path: string, patienceSeconds: number): Promise<DescriptorSocket> {
  const { default: koffi } = await import("koffi");
  const library = koffi.load("libc.so.6");
  const iovec = koffi.struct({ base: "void *", length: "size_t" });
  const header = koffi.struct({
    ...{ name: "void *", nameLength: "uint32_t", iov: koffi.pointer(iovec), iovLength: "size_t" },
    ...{ control: "void *", controlLength: "size_t", flags: "int" },
  });
  const socket = library.func("socket", "int", ["int", "int", "int"]);
  const setsockopt = library.func("setsockopt", "int", ["int", "int", "int", "void *", "uint32_t"]);
  const connect = library.func("connect", "int", ["int", "void *", "uint32_t"]);
  const send = library.func("send", "intptr_t", ["int", "void *", "size_t", "int"]);
  const recvmsg = library.func("recvmsg", "intptr_t", ["int", koffi.inout(koffi.pointer(header)), "int"]);
  const names = new Map(Object.entries(koffi.os.errno).map(([name, value]) => [value, name]));
  const failed = (call: string) => new Error(`${call}: ${names.get(koffi.errno()) ?? koffi.errno()}`);
  const onThread = (name: string, call: Call, ...args: unknown[]) =>
    new Promise<number>((resolve, reject) => {
      call.async(...args, (error: unknown, result: number | bigint) => {
        if (error) reject(error);
        else if (Number(result) < 0) reject(failed(name));
        else resolve(Number(result));
      });
    });

  const fd: number = socket(AF_UNIX, SOCK_STREAM_CLOEXEC, 0);
  if (fd < 0) throw socketFault(path, failed("socket"));
  const opened: DescriptorSocket = {
    async send(bytes) {
      for (let at = 0; at < bytes.length; ) {
        const rest = bytes.subarray(at);
        at += await onThread("send", send, fd, rest, rest.length, MSG_NOSIGNAL);
      }
    },
    async receive(size) {
      const bytes = Buffer.alloc(size);
      const control = Buffer.alloc(CONTROL_BYTES);
      const message = {
        ...{ name: null, nameLength: 0, iov: [{ base: bytes, length: size }], iovLength: 1 },
        ...{ control, controlLength: CONTROL_BYTES, flags: 0 },
      };
      const count = await onThread("recvmsg", recvmsg, fd, message, MSG_CMSG_CLOEXEC);
      if (count === 0) throw new Error("the peer closed the connection");
      return {
        bytes: bytes.subarray(0, count),
        descriptors: descriptorsIn(control.subarray(0, message.controlLength)),
      };
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
  try {
    const time = Buffer.alloc(16);
    time.writeBigInt64LE(BigInt(patienceSeconds), 0);
    for (const option of [SO_RCVTIMEO, SO_SNDTIMEO])
      if (setsockopt(fd, SOL_SOCKET, option, time, time.length) !== 0) throw failed("setsockopt");
    const address = Buffer.alloc(2 + PATH_BYTES);
    address.writeUInt16LE(AF_UNIX, 0);
    if (Buffer.byteLength(path) >= PATH_BYTES) throw new Error(`longer than ${PATH_BYTES - 1} bytes`);
    address.write(path, 2);
    await onThread("connect", connect, fd, address, address.length);
    return opened;
  } catch (error) {
    closeSync(fd);
    throw socketFault(path, error);
  }
}

function descriptorsIn(control: Buffer): readonly number[] {
  const found: number[] = [];
  for (let at = 0; at + CONTROL_HEADER <= control.length; ) {
    const length = Number(control.readBigUInt64LE(at));
    const isRights = control.readInt32LE(at + 8) === SOL_SOCKET && control.readInt32LE(at + 12) === SCM_RIGHTS;
    const end = Math.min(at + length, control.length);
    if (isRights)
      for (let place = at + CONTROL_HEADER; place + 4 <= end; place += 4) found.push(control.readInt32LE(place));
    if (length < CONTROL_HEADER) break;
    at += Math.ceil(length / 8) * 8;
  }
  return found;
}

const socketFault = (path: string, error: unknown): KubeletError =>
  new KubeletError(
    `Cannot open a socket to ${path}: ${messageOf(error)}`,
    { code: "file-failed", path, errno: "EIO" },
    { cause: error },
  );
