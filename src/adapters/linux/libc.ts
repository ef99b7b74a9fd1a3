import { KubeletError, messageOf } from "../../base/fault.ts";

/**
 * The few system calls that Node does not have, through koffi (ADR 2). Loaded at the first use: it costs 8 ms, and a kubelet whose
 * pods need no mounts never pays them.
 */
export interface Libc {
  mount(source: string, target: string, type: string, flags: bigint, data: string): Promise<void>;
  umount2(target: string, flags: number): Promise<void>;
  /** Never waits: false when another process holds it. */
  tryFlock(fd: number): boolean;
  /** An unbound AF_UNIX datagram socket, which never waits and which no child inherits. The caller closes it. */
  openDatagram(): number;
  /** `address` is a sockaddr_un. */
  sendTo(fd: number, message: Uint8Array, address: Uint8Array): void;
  /** Is the wall clock kept by a time service, as far as the kernel knows? */
  isClockSynchronized(): boolean;
  /** Gives back to the kernel what malloc keeps of freed memory, of all threads: some 5 ms. */
  releaseFreeMemory(): void;
}

type Errno = { readonly [name: string]: number };
type AsyncCall = { async(...args: unknown[]): void };

let loading: Promise<Libc> | undefined;
let exitAtOnce: ((code: number) => void) | undefined;

/** @throws KubeletError `start-refused` where koffi has no build for this machine */
export const libc = (): Promise<Libc> => {
  loading ??= load().catch((error) => {
    throw new KubeletError(
      `Cannot load koffi for system calls: ${messageOf(error)}; need glibc on x64 or arm64, and the package @koromix/koffi-linux-*`,
      { code: "start-refused", what: "koffi" },
      { cause: error },
    );
  });
  return loading;
};

/** See {@link Libc.releaseFreeMemory}. */
export const releaseFreeMemory = async (): Promise<void> => (await libc()).releaseFreeMemory();

/**
 * Ends the process. Node's own end waits for each thread of libuv's pool, of which one may be in a dead network mount: whoever is to start the process
 * again would wait for ever. Threads hang in earnest only in a kubelet that has had to do with mounts, and so has loaded this.
 */
export function endProcess(code: number): never {
  process.once("exit", () => exitAtOnce?.(code));
  return process.exit(code);
}

async function load(): Promise<Libc> {
  const { default: koffi } = await import("koffi");
  const library = koffi.load("libc.so.6");
  // A node mostly rests: one arena of malloc for all threads from here on leaves less memory behind after a burst, and costs no time that can be measured.
  library.func("int mallopt(int, int)")(M_ARENA_MAX, 1);
  const mount = library.func("int mount(const char*, const char*, const char*, unsigned long, const char*)");
  const umount2 = library.func("int umount2(const char*, int)");
  const flock = library.func("int flock(int, int)");
  const socket = library.func("int socket(int, int, int)");
  const sendto = library.func("intptr_t sendto(int, const uint8_t*, size_t, int, const uint8_t*, uint32_t)");
  const trim = library.func("int malloc_trim(size_t)");
  const adjtimex = library.func("int adjtimex(_Inout_ uint8_t*)");
  const names = new Map(Object.entries(koffi.os.errno as Errno).map(([name, value]) => [value, name]));
  const failed = (call: string) => {
    const code = names.get(koffi.errno()) ?? `E${koffi.errno()}`;
    return Object.assign(new Error(`${code}: ${call} failed`), { code });
  };
  exitAtOnce = library.func("void _exit(int)");
  // On a thread of libuv's pool, as koffi has none of its own: one that hangs does not hold up the loop, but is one less for files (see pool.ts).
  const onThread = (name: string, call: AsyncCall, ...args: unknown[]) =>
    new Promise<void>((resolve, reject) => {
      call.async(...args, (error: unknown, result: number) => {
        if (error) reject(error);
        else if (result !== 0) reject(failed(name));
        else resolve();
      });
    });
  return {
    mount: (source, target, type, flags, data) => onThread("mount", mount, source, target, type, flags, data),
    umount2: (target, flags) => onThread("umount2", umount2, target, flags),
    tryFlock: (fd) => {
      if (flock(fd, LOCK_EXCLUSIVE | LOCK_NO_WAIT) === 0) return true;
      const error = failed("flock");
      if (error.code === "EAGAIN" || error.code === "EWOULDBLOCK") return false;
      throw error;
    },
    openDatagram: () => {
      const fd: number = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      if (fd < 0) throw failed("socket");
      return fd;
    },
    sendTo: (fd, message, address) => {
      if (sendto(fd, message, message.length, MSG_NOSIGNAL, address, address.length) < 0) throw failed("sendto");
    },
    isClockSynchronized: () => {
      // No modes: nothing is set.
      const timex = Buffer.alloc(TIMEX_BYTES);
      if (adjtimex(timex) < 0) throw failed("adjtimex");
      return (timex.readInt32LE(TIMEX_STATUS) & STA_UNSYNC) === 0;
    },
    releaseFreeMemory: () => {
      trim(0);
    },
  };
}

const M_ARENA_MAX = -8;
const LOCK_EXCLUSIVE = 2;
const LOCK_NO_WAIT = 4;
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const MSG_NOSIGNAL = 0x4000;
/** struct timex of 64-bit machines, with room to spare. */
const TIMEX_BYTES = 256;
const TIMEX_STATUS = 40;
const STA_UNSYNC = 0x40;
