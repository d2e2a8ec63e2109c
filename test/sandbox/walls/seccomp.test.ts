import { describe, expect, it } from 'vitest';
import { type FilterOptions, seccompFilter } from '../../../runtime/sandbox/isolate/walls/seccomp.ts';
import { seccompLock } from '../../../runtime/sandbox/isolate/walls/seccomp-lock.ts';
import { allowed, checked } from '../../../runtime/sandbox/isolate/walls/syscalls.ts';

const arches = [
  { arch: 'x64', audit: 0xc000003e, column: 0 },
  { arch: 'arm64', audit: 0xc00000b7, column: 1 },
] as const;
const ALLOW = 0x7fff0000;
const KILL = 0x80000000;
const EPERM = 0x00050001;

/** What the kernel does with a filter: classic BPF, the five instructions that are used. */
function answer(filter: Buffer, audit: number, call: number, args: number[] = []): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(call, 0);
  data.writeUInt32LE(audit, 4);
  for (const [index, value] of args.entries()) data.writeUInt32LE(value >>> 0, 16 + index * 8);
  let accumulator = 0;
  for (let at = 0; at < filter.length; at += 8) {
    const code = filter.readUInt16LE(at);
    const value = filter.readUInt32LE(at + 4);
    if (code === 0x20) accumulator = data.readUInt32LE(value);
    else if (code === 0x54) accumulator = (accumulator & value) >>> 0;
    else if (code === 0x06) return value;
    else if (code === 0x15) at += filter.readUInt8(at + (accumulator === value ? 2 : 3)) * 8;
    else if (code === 0x35) at += filter.readUInt8(at + (accumulator >= value ? 2 : 3)) * 8;
    else throw new Error(`unknown instruction ${code}`);
  }
  throw new Error('the filter has no end');
}

describe.each(arches)('the filter for $arch', ({ arch, audit, column }) => {
  const filter = (options: Partial<FilterOptions> = {}) =>
    seccompFilter({ arch, stage: 'run', jailed: true, ...options });
  const number = (name: keyof typeof checked) => checked[name][column] as number;

  it('allows its list, refuses every other number up to 2000, and no number twice', () => {
    const known = new Set(Object.values(allowed).map((call) => call[column]));
    const special = new Set(Object.values(checked).map((call) => call[column]));
    expect([...known].filter((call) => special.has(call as never) && call !== undefined)).toEqual([]);
    for (let call = 0; call < 2000; call++) {
      if (special.has(call as never)) continue;
      expect([call, answer(filter(), audit, call) === ALLOW]).toEqual([call, known.has(call as never)]);
    }
  });

  it('kills calls of another machine and of the x32 table', () => {
    for (const foreign of [0x40000003, 0xc00000b7, 0xc000003e, 0x40000028])
      if (foreign !== audit) expect(answer(filter(), foreign, 1)).toBe(KILL);
    if (arch === 'x64') expect(answer(filter(), audit, 0x40000000 | 1)).toBe(KILL);
  });

  it('opens files for reading only', () => {
    expect(answer(filter(), audit, number('openat'), [0, 0, 0o2000000])).toBe(ALLOW);
    for (const flag of [1, 2, 0o100, 0o1000, 0o20000000])
      expect(answer(filter(), audit, number('openat'), [0, 0, flag])).toBe(EPERM);
  });

  it('starts threads, but neither processes nor namespaces', () => {
    const thread = 0x3d0f00;
    expect(answer(filter(), audit, number('clone'), [thread])).toBe(ALLOW);
    expect(answer(filter(), audit, number('clone'), [17])).toBe(EPERM);
    for (const flag of [0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000, 0x80]) {
      // CLONE_NEWNS is the one that a mask could forget: it lies apart from the other namespaces.
      expect([flag, answer(filter(), audit, number('clone'), [thread | flag])]).toEqual([flag, EPERM]);
    }
  });

  it('executes only before the lock, and signals only its own process in a jail', () => {
    const execve = arch === 'x64' ? 59 : 221;
    expect(answer(filter({ stage: 'start' }), audit, execve)).toBe(ALLOW);
    expect(answer(filter(), audit, execve)).toBe(EPERM);
    expect(answer(filter(), audit, number('tgkill'), [1, 5, 6])).toBe(ALLOW);
    expect(answer(filter(), audit, number('tgkill'), [2, 2, 9])).toBe(EPERM);
    expect(answer(filter({ jailed: false }), audit, number('tgkill'), [1, 5, 6])).toBe(EPERM);
  });

  it('is carried by a lock whose stack is not executable and whose pages are never writable and executable', () => {
    const lock = seccompLock(arch, filter());
    const headers = [0, 1, 2, 3].map((index) => ({
      type: lock.readUInt32LE(64 + index * 56),
      flags: lock.readUInt32LE(68 + index * 56),
    }));
    expect(headers).toEqual([
      { type: 1, flags: 5 },
      { type: 1, flags: 6 },
      { type: 2, flags: 6 },
      { type: 0x6474e551, flags: 6 },
    ]);
    expect(lock.indexOf(filter())).toBe(0x240 + 128);
  });
});
