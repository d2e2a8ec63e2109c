import { constants } from 'node:os';
import { absent, allowed, checked, startOnly } from './syscalls.ts';

/**
 * Filters for the system calls of a worker, as classic BPF (linux/filter.h, linux/seccomp.h). An ALLOW list: what is
 * not named is refused with EPERM, so calls that future kernels add are refused too. Pointers cannot be followed by a
 * filter: a call whose danger lies in pointed-to memory (clone3, openat2) is answered ENOSYS, as old kernels do.
 */
export interface FilterOptions {
  arch: 'x64' | 'arm64';
  /** `start`: bubblewrap may execute node, and the lock may follow. `run`: neither, for the rest of the process's life. */
  stage: 'start' | 'run';
  /** abort() signals its own thread. In the jail that is pid 1; elsewhere the pid is not known beforehand: no signal at all. */
  jailed: boolean;
}

const allow = 0x7fff0000;
const killProcess = 0x80000000;
const refuse = (errno: number) => 0x00050000 | errno;

// Offsets in struct seccomp_data; both machines are little-endian, so an argument's low half comes first.
const numberAt = 0;
const archAt = 4;
const argAt = (index: number) => 16 + index * 8;

const auditArch = { x64: 0xc000003e, arm64: 0xc00000b7 };
const x32Bit = 0x40000000;

type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, value: number];
const load = (offset: number): Instruction => [0x20, 0, 0, offset];
const and = (mask: number): Instruction => [0x54, 0, 0, mask];
const ret = (value: number): Instruction => [0x06, 0, 0, value];
const ifEqual = (value: number, then: number, otherwise: number): Instruction => [0x15, then, otherwise, value];
const ifAtLeast = (value: number, then: number, otherwise: number): Instruction => [0x35, then, otherwise, value];

/** The filter's bytes: an array of struct sock_filter, as `bwrap --seccomp` and seccomp(2) take it. */
export function seccompFilter(options: FilterOptions): Buffer {
  const column = options.arch === 'x64' ? 0 : 1;
  const program: Instruction[] = [
    load(archAt),
    ifEqual(auditArch[options.arch], 1, 0),
    ret(killProcess),
    load(numberAt),
    ...(options.arch === 'x64' ? [ifAtLeast(x32Bit, 0, 1), ret(killProcess)] : []),
  ];
  const on = (call: readonly [number, number | undefined], body: Instruction[]) => {
    const number = call[column];
    if (number !== undefined) program.push(ifEqual(number, 0, body.length), ...body);
  };
  for (const call of Object.values(allowed)) on(call, [ret(allow)]);
  if (options.stage === 'start') for (const call of Object.values(startOnly)) on(call, [ret(allow)]);
  for (const call of Object.values(absent)) on(call, [ret(refuse(constants.errno.ENOSYS))]);
  for (const [name, body] of Object.entries(argumentChecks(options))) on(checked[name as keyof typeof checked], body);
  program.push(ret(refuse(constants.errno.EPERM)));
  return encode(program);
}

/** Each body ends the filter: it never falls through. */
function argumentChecks({ stage, jailed }: FilterOptions): Record<keyof typeof checked, Instruction[]> {
  return {
    // O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_TMPFILE (fcntl.h; the same bits on both machines): reading only.
    openat: onlyWithoutBits(2, 0x1 | 0x2 | 0x40 | 0x200 | 0x400000),
    // F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC: not F_SETOWN, which sends signals.
    fcntl: oneOf(1, [0, 1, 2, 3, 4, 1030]),
    // TCGETS (isatty), FIONREAD, FIONBIO, FIOCLEX.
    ioctl: oneOf(1, [0x5401, 0x541b, 0x5421, 0x5451]),
    // PR_SET_NAME, PR_GET_NAME, PR_SET_VMA; PR_SET_NO_NEW_PRIVS for the lock.
    prctl: oneOf(0, [15, 16, 0x53564d41, ...(stage === 'start' ? [38] : [])]),
    // Only its own limits.
    prlimit64: oneOf(0, [0]),
    // A thread of this process: no new process, so nothing to execute in one, and no namespace.
    clone: [
      load(argAt(0)),
      and(0x00010000 | 0x7e020080),
      ifEqual(0x00010000, 0, 1),
      ret(allow),
      ret(refuse(constants.errno.EPERM)),
    ],
    tgkill: jailed ? oneOf(0, [1]) : [ret(refuse(constants.errno.EPERM))],
    // ARCH_SET_FS (thread-local storage of the first thread), ARCH_CET_STATUS.
    arch_prctl: oneOf(0, [0x1002, 0x3001]),
  };
}

/** Low halves only: the kernel reads each of these arguments as 32 bits. */
function oneOf(argument: number, values: number[]): Instruction[] {
  return [
    load(argAt(argument)),
    ...values.flatMap((value) => [ifEqual(value, 0, 1), ret(allow)]),
    ret(refuse(constants.errno.EPERM)),
  ];
}

function onlyWithoutBits(argument: number, mask: number): Instruction[] {
  return [load(argAt(argument)), and(mask), ifEqual(0, 0, 1), ret(allow), ret(refuse(constants.errno.EPERM))];
}

function encode(program: Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(([code, jumpTrue, jumpFalse, value], index) => {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(jumpTrue, index * 8 + 2);
    bytes.writeUInt8(jumpFalse, index * 8 + 3);
    bytes.writeUInt32LE(value >>> 0, index * 8 + 4);
  });
  return bytes;
}
