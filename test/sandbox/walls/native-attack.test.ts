import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { WallName } from '../../../runtime/sandbox/isolate/walls/walls.ts';
import { attack, breaches, compileAttack, promises } from './attack.ts';

const compiled = compileAttack();
const missing =
  'missing' in compiled
    ? compiled.missing
    : !existsSync('/usr/bin/bwrap')
      ? 'bubblewrap'
      : process.getuid?.() !== 0
        ? 'root (to drop the user)'
        : '';
const bytes = 'bytes' in compiled ? compiled.bytes : Buffer.alloc(0);

describe.skipIf(missing !== '')(
  `native code in a worker, as if V8 were broken${missing && ` (skipped: needs ${missing})`}`,
  () => {
    it('finds no file, network, process, key or kernel door, and dies at its memory cap', async () => {
      const finding = await attack(bytes, 'execve');
      expect(finding.native.get('end')).toBe('done');
      expect(finding.native.size).toBeGreaterThanOrEqual(85);
      expect(breaches(finding)).toEqual([]);
      expect(finding.reached).toBe(0);
      expect(finding.native.get('execve')).toBe('EPERM');
      for (const promise of Object.values(promises)) promise(finding);
    });

    it.skipIf(process.arch !== 'x64').each(['x32', 'i386'])('%s system calls end the process', async (abi) => {
      const finding = await attack(bytes, abi);
      expect(finding.native.get('end')).toBeUndefined();
      expect(finding.native.has(`${abi} getpid`)).toBe(false);
      expect(finding.exit).toEqual({ code: null, signal: 'SIGSYS' });
    });
  },
);

describe.skipIf(missing !== '')('the assertions above', () => {
  it.each(Object.keys(promises) as WallName[])('fail when only the wall %s is removed', async (name) => {
    const finding = await attack(bytes, 'nothing', name);
    expect(() => promises[name as keyof typeof promises](finding)).toThrow();
    for (const other of Object.keys(promises) as (keyof typeof promises)[]) {
      if (other === name) continue;
      promises[other](finding);
    }
    if (name === 'seccomp') expect(breaches(finding)).toContain('fork');
    if (name === 'jail') expect(breaches(finding)).toContain('read a 0644 file of the service');
    // A successful execve replaces the process before it can report.
    if (name === 'seccomp') expect((await attack(bytes, 'execve', name)).native.has('execve')).toBe(false);
    if (name !== 'jail' && name !== 'seccomp') expect(breaches(finding)).toEqual([]);
  });
});
