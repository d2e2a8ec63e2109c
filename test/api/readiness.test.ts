import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startService } from './service.ts';

const MiB = 1024 * 1024;

/** A small file system of its own, or undefined where mounting is not permitted. */
function smallDisk(): string | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'cordon-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256m', 'tmpfs', dir], { stdio: 'ignore' });
  } catch {
    rmSync(dir, { recursive: true });
    return undefined;
  }
  return dir;
}

const disk = smallDisk();

test.skipIf(disk === undefined)(
  'readyz says no while writes are refused for lack of space, and yes again (needs root that may mount)',
  async () => {
    const dir = disk as string;
    onTestFinished(() => {
      execFileSync('umount', ['-l', dir]);
      rmSync(dir, { recursive: true });
    });
    vi.stubEnv('TMPDIR', dir);
    const service = await startService({ CORDON_MINIMUM_FREE_BYTES: String(24 * MiB) });
    vi.unstubAllEnvs();
    onTestFinished(() => service.close());
    const check = async () => {
      const { status, json } = await service.call('GET', '/readyz', { key: null });
      return [status, json.ready, json.checks.find(({ name }: { name: string }) => name === 'store')];
    };
    const ok = [200, true, { name: 'store', ok: true, detail: expect.any(String) }];
    expect(await check()).toEqual(ok);
    writeFileSync(join(dir, 'ballast'), Buffer.alloc(240 * MiB));
    const full = [
      503,
      false,
      { name: 'store', ok: false, detail: expect.stringContaining('CORDON_MINIMUM_FREE_BYTES') },
    ];
    await expect.poll(check, { timeout: 5000 }).toEqual(full);
    expect((await service.run('1')).json.code).toBe('storage_full');
    rmSync(join(dir, 'ballast'));
    await expect.poll(check, { timeout: 5000 }).toEqual(ok);
  },
);
