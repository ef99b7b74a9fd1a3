/**
 * The program that holds a pod's namespaces, written as machine code: a node needs neither a download nor a C compiler for it.
 *
 * It blocks SIGINT, SIGTERM and SIGCHLD and takes them one by one from rt_sigtimedwait. A blocked signal reaches even PID 1 of a PID
 * namespace, which the kernel otherwise shields from signals without handler. SIGCHLD: it reaps every child there is, because with
 * a shared PID namespace the orphans of all containers become its children. SIGINT or SIGTERM: it ends with 0 at once.
 */
export type PauseArch = "amd64" | "arm64";

/** A whole ELF executable, static, a few hundred bytes. */
export function pauseProgram(arch: PauseArch): Uint8Array<ArrayBuffer> {
  return elf(arch, Uint8Array.fromHex((arch === "amd64" ? AMD64 : ARM64).join("").replaceAll(" ", "")));
}

/** One instruction per line; the comment gives its place and meaning. System call numbers: arch/x86/entry/syscalls/syscall_64.tbl. */
const AMD64 = [
  "31 ff", //                00  xor edi, edi            how = SIG_BLOCK
  "48 8d 35 50 00 00 00", // 02  lea rsi, [rip+0x50]     set = mask at 59
  "31 d2", //                09  xor edx, edx            old set: none
  "6a 08 41 5a", //          0b  push 8; pop r10         bytes in a set
  "6a 0e 58", //             0f  push 14; pop rax        rt_sigprocmask
  "0f 05", //                12  syscall
  "48 8d 3d 3e 00 00 00", // 14  lea rdi, [rip+0x3e]     next: set = mask at 59
  "31 f6", //                1b  xor esi, esi            no siginfo
  "31 d2", //                1d  xor edx, edx            no time-out
  "6a 08 41 5a", //          1f  push 8; pop r10
  "b8 80 00 00 00", //       23  mov eax, 128            rt_sigtimedwait
  "0f 05", //                28  syscall
  "83 f8 11", //             2a  cmp eax, 17             SIGCHLD?
  "74 0b", //                2d  je 3a
  "85 c0", //                2f  test eax, eax           negative: interrupted
  "78 e1", //                31  js 14
  "31 ff", //                33  xor edi, edi
  "6a 3c 58", //             35  push 60; pop rax        exit
  "0f 05", //                38  syscall
  "6a ff 5f", //             3a  push -1; pop rdi        reap: any child
  "31 f6", //                3d  xor esi, esi            no status
  "6a 01 5a", //             3f  push 1; pop rdx         WNOHANG
  "45 31 d2", //             42  xor r10d, r10d          no usage
  "6a 3d 58", //             45  push 61; pop rax        wait4
  "0f 05", //                48  syscall
  "85 c0", //                4a  test eax, eax
  "7f ec", //                4c  jg 3a                   one more?
  "eb c4", //                4e  jmp 14
  "90 90 90 90 90 90 90 90 90", // 50  nothing
  "02 40 01 00 00 00 00 00", //    59  mask: bits 1 (SIGINT), 14 (SIGTERM), 16 (SIGCHLD)
];

/** Words as they lie in memory, lowest byte first. System call numbers: include/uapi/asm-generic/unistd.h. */
const ARM64 = [
  "000080d2", // 00  mov x0, #0        how = SIG_BLOCK
  "61030010", // 04  adr x1, 70        set = mask
  "020080d2", // 08  mov x2, #0        old set: none
  "030180d2", // 0c  mov x3, #8        bytes in a set
  "e81080d2", // 10  mov x8, #135      rt_sigprocmask
  "010000d4", // 14  svc #0
  "c0020010", // 18  adr x0, 70        next: set = mask
  "010080d2", // 1c  mov x1, #0        no siginfo
  "020080d2", // 20  mov x2, #0        no time-out
  "030180d2", // 24  mov x3, #8
  "281180d2", // 28  mov x8, #137      rt_sigtimedwait
  "010000d4", // 2c  svc #0
  "1f440071", // 30  cmp w0, #17       SIGCHLD?
  "c0000054", // 34  b.eq 4c
  "1f000071", // 38  cmp w0, #0        negative: interrupted
  "ebfeff54", // 3c  b.lt 18
  "000080d2", // 40  mov x0, #0
  "a80b80d2", // 44  mov x8, #93       exit
  "010000d4", // 48  svc #0
  "00008092", // 4c  mov x0, #-1       reap: any child
  "010080d2", // 50  mov x1, #0        no status
  "220080d2", // 54  mov x2, #1        WNOHANG
  "030080d2", // 58  mov x3, #0        no usage
  "882080d2", // 5c  mov x8, #260      wait4
  "010000d4", // 60  svc #0
  "1f000071", // 64  cmp w0, #0
  "2cffff54", // 68  b.gt 4c           one more?
  "ebffff17", // 6c  b 18
  "0240010000000000", // 70  mask: bits 1 (SIGINT), 14 (SIGTERM), 16 (SIGCHLD)
];

const BASE = 0x400000;
const HEADER = 64;
const SEGMENT = 56;

/** Wraps code into ELF64: file header, one segment that is read and run, one that forbids a stack that can be run (elf(5)). */
function elf(arch: PauseArch, code: Uint8Array): Uint8Array<ArrayBuffer> {
  const start = HEADER + 2 * SEGMENT;
  const file = new Uint8Array(start + code.length);
  const view = new DataView(file.buffer);
  const u16 = (at: number, value: number) => view.setUint16(at, value, true);
  const u32 = (at: number, value: number) => view.setUint32(at, value, true);
  const u64 = (at: number, value: number) => view.setBigUint64(at, BigInt(value), true);

  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // magic, 64 bits, lowest byte first, version 1
  u16(16, 2); // ET_EXEC
  u16(18, arch === "amd64" ? 62 : 183); // EM_X86_64, EM_AARCH64
  u32(20, 1);
  u64(24, BASE + start); // entry
  u64(32, HEADER); // program headers
  u16(52, HEADER);
  u16(54, SEGMENT);
  u16(56, 2);
  u16(58, 64); // size of a section header, of which there are none

  u32(HEADER, 1); // PT_LOAD
  u32(HEADER + 4, 5); // R, X
  u64(HEADER + 16, BASE);
  u64(HEADER + 24, BASE);
  u64(HEADER + 32, file.length);
  u64(HEADER + 40, file.length);
  u64(HEADER + 48, 0x10000); // the largest page of arm64

  u32(HEADER + SEGMENT, 0x6474e551); // PT_GNU_STACK
  u32(HEADER + SEGMENT + 4, 6); // R, W
  u64(HEADER + SEGMENT + 48, 16);

  file.set(code, start);
  return file;
}
