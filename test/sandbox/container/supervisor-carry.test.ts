/** Where Cordon may not mount: the supervisor brings the workspace in and back. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { createGuestFiles } from '../../../runtime/run/guest-files.ts';
import { createWorkspaces } from '../../../runtime/workspace/workspace.ts';
import { closeSupervised, missing, open } from './supervisor-bench.ts';

afterEach(closeSupervised);

const MiB = 1024 ** 2;

describe.skipIf(missing)('a workspace that is carried', () => {
  async function carried(code: string, files: Record<string, string>, growth = 10 * MiB) {
    const root = mkdtempSync(join(tmpdir(), 'cordon-carry-'));
    const workspaces = createWorkspaces({ root });
    const workspace = await workspaces.open({ tenant: 't', agent: 'a' });
    const guest = createGuestFiles({
      workspace,
      limits: { workspaceBytes: growth, files: 100 },
      quota: { bytes: 100 * MiB, files: 1000 },
    });
    await guest.place(Object.entries(files).map(([path, text]) => ({ path, content: Buffer.from(text) })));
    const seen = await (await open()).run('shell', code, { carry: true, answer: (call) => guest.call(call) });
    const read = async (path: string) => {
      const reply = await guest.call({ op: 'fs.readFile', args: { path } });
      return Buffer.from((reply.ok && reply.bytes) || []).toString();
    };
    const kept: Record<string, string> = {};
    for await (const { path, type } of workspace.walk('/workspace'))
      kept[path] = type === 'file' ? String((await read(path)).length) : 'folder';
    const changed = (await guest.changed()).map(({ path }) => path);
    return {
      ...seen,
      kept,
      read,
      changed,
      async remove() {
        await workspaces.close();
        rmSync(root, { recursive: true, force: true });
      },
    };
  }

  test('is there before the program, and what it changed is there afterwards', async () => {
    const { stdout, stderr, kept, read, changed, ended, remove } = await carried(
      `cat in/a.txt; wc -c < big; printf B > same; rm -r gone; mkdir -p new/deep; echo n > new/deep/file
       head -c 2500000 /dev/zero > grown; ln -s /etc/passwd link; mkfifo pipe; touch untouched2`,
      { 'in/a.txt': 'A\n', big: 'x'.repeat(2_500_000), same: 'A', 'gone/x/y': '1', keep: 'k' },
    );
    expect([stdout, stderr, ended]).toEqual(['A\n2500000\n', '', { exitCode: 0 }]);
    expect(kept).toEqual({
      in: 'folder',
      'in/a.txt': '2',
      big: '2500000',
      same: '1',
      keep: '1',
      new: 'folder',
      'new/deep': 'folder',
      'new/deep/file': '2',
      grown: '2500000',
      untouched2: '0',
    });
    expect(await read('same')).toBe('B');
    expect(changed).toEqual(['grown', 'new/deep/file', 'same', 'untouched2']);
    await remove();
  });

  test('what the limit has no room for is told and left out whole', async () => {
    const { stderr, kept, ended, remove } = await carried(
      'head -c 3000000 /dev/zero > large; echo s > small',
      {},
      2_000_000,
    );
    expect(ended).toEqual({ exitCode: 0, full: 'workspaceBytes' });
    expect(kept).toEqual({ small: '2' });
    expect(stderr).toMatch(/^\[\/workspace\/large was not kept: ENOSPC/);
    await remove();
  });
});
