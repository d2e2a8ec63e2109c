import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { createWorkspaces } from '../../runtime/workspace/workspace.ts';
import { bytes, owner, quota, scratch, text } from './scratch.ts';

test('what a removal that was cut off left is freed at the next start, not at the next removal', async () => {
  const s = await scratch();
  await s.workspace.write('a/b/c.txt', bytes('old'), { quota, durable: true, parents: true });
  await s.workspaces.close();
  // As `forget` leaves it when it is killed before it empties the folder.
  const rubbish = join(s.root, '.removed');
  mkdirSync(rubbish, { mode: 0o700 });
  renameSync(join(s.root, owner.tenant, owner.agent), join(rubbish, '0123456789ab'));

  const restarted = createWorkspaces({ root: s.root });
  const workspace = await restarted.open(owner);
  await workspace.write('new.txt', bytes('new'), { quota, durable: true, parents: true });
  await vi.waitFor(() => expect(readdirSync(rubbish)).toEqual([]), { timeout: 10_000 });
  // Removals after it work as ever.
  expect(await text(workspace, 'new.txt')).toBe('new');
  await restarted.forget(owner);
  expect(readdirSync(rubbish)).toEqual([]);
  await restarted.close();
});

test('a removal while the start still frees takes its turn', async () => {
  const s = await scratch();
  for (let n = 0; n < 50; n++)
    await s.workspace.write(`d${n}/f`, bytes('old'), { quota, durable: false, parents: true });
  await s.workspaces.close();
  const rubbish = join(s.root, '.removed');
  mkdirSync(rubbish, { mode: 0o700 });
  renameSync(join(s.root, owner.tenant, owner.agent), join(rubbish, '0123456789ab'));
  const restarted = createWorkspaces({ root: s.root });
  await Promise.all([restarted.forget(owner), restarted.forget({ ...owner, agent: 'b' })]);
  expect(readdirSync(rubbish)).toEqual([]);
  await restarted.close();
});
