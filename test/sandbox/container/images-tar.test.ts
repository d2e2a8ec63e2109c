import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, describe, expect, it } from 'vitest';
import { packTar } from '../../../sandbox-images/build/tar.ts';

const folder = mkdtempSync(join(tmpdir(), 'cordon-tar-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the folder of a build, packed', () => {
  it('is what tar reads, and nothing of this machine', async () => {
    const source = join(folder, 'large');
    writeFileSync(source, Buffer.alloc(100_001, 7));
    const files = [
      { path: 'Dockerfile', executable: false, content: Buffer.from('FROM scratch\n') },
      { path: 'guest/bin/cordon', executable: true, content: Buffer.alloc(512, 'x') },
      { path: 'large', executable: false, content: { source, size: 100_001 } },
    ];
    const packed = await buffer(packTar(files));
    const listed = execFileSync('tar', ['--numeric-owner', '-tvf', '-'], {
      input: packed,
      env: { TZ: 'UTC', LC_ALL: 'C' },
    });
    expect(listed.toString().trim().split('\n')).toEqual([
      expect.stringMatching(/^-rw-r--r-- 0\/0 +13 1970-01-01 00:00 Dockerfile$/),
      expect.stringMatching(/^-rwxr-xr-x 0\/0 +512 1970-01-01 00:00 guest\/bin\/cordon$/),
      expect.stringMatching(/^-rw-r--r-- 0\/0 +100001 1970-01-01 00:00 large$/),
    ]);
    expect(execFileSync('tar', ['-xOf', '-', 'large'], { input: packed, maxBuffer: 1e6 })).toEqual(
      Buffer.alloc(100_001, 7),
    );
    expect(await buffer(packTar(files))).toEqual(packed);
  });

  it('is not made from a file that changes meanwhile', async () => {
    const source = join(folder, 'changing');
    writeFileSync(source, 'abc');
    await expect(buffer(packTar([{ path: 'a', executable: false, content: { source, size: 4 } }]))).rejects.toThrow(
      'changed while it was read',
    );
  });
});
