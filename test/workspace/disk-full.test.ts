import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createGuestFiles } from '../../runtime/run/guest-files.ts';
import { createWorkspaces } from '../../runtime/workspace/workspace.ts';
import { bytes, codeOf, MiB, owner, quota, text } from './scratch.ts';

/** A host file system of one MiB, or undefined where this user may not mount one. */
function smallDisk(): string | undefined {
  const path = mkdtempSync(join(tmpdir(), 'cordon-small-disk-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  onTestFinished(() => void execFileSync('umount', ['-l', path]));
  return path;
}

test('a full disk is storage_full, keeps the old content and the usage, and reads go on', async (context) => {
  const disk = smallDisk();
  if (disk === undefined) return context.skip('mounting a small tmpfs is not permitted here');
  const w = await createWorkspaces({ root: join(disk, 'root') }).open(owner);
  await w.write('f', bytes('old'), { quota });
  expect(await codeOf(w.write('f', bytes(2 * MiB), { quota }))).toBe('storage_full');
  expect(await text(w, 'f')).toBe('old');
  expect(w.usage()).toEqual({ bytes: 3, files: 1 });
  expect(await codeOf(w.append('f', bytes(2 * MiB), { quota }))).toBe('storage_full');
  // A write in place fails in the middle: what did arrive is counted.
  expect(w.usage()).toEqual({ bytes: (await w.stat('f')).bytes, files: 1 });
  const files = createGuestFiles({ workspace: w, limits: { workspaceBytes: 64 * MiB, files: 100 }, quota });
  const reply = await files.call({ op: 'fs.writeFile', args: { path: 'g', flag: 'w' }, bytes: bytes(2 * MiB) });
  expect(reply).toMatchObject({ ok: false, error: { name: 'Error', code: 'ENOSPC' } });
  expect(JSON.stringify(reply)).not.toContain('limit');
  await w.remove('f', { quota });
  await w.write('f', bytes('new'), { quota });
});
