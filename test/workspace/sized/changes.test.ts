import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mountFiles } from '../../../runtime/run/mounted-files.ts';
import { bytes, codeOf, owner, text } from '../scratch.ts';
import { growth, guest, MiB, needsMounts, quota, sized } from './sized.ts';

needsMounts();

const how = { quota, parents: true };
const sha = (value: string) => createHash('sha256').update(value).digest('hex');

/** The files of one run, as the run uses them. */
async function run(s: Awaited<ReturnType<typeof sized>>, limits = { workspaceBytes: 16 * MiB, files: 100 }) {
  const target = s.slot();
  const faults: unknown[] = [];
  const { workspaces, workspace } = s;
  const onFault = (error: unknown) => faults.push(error);
  const onLeftOut = (message: string) => faults.push(message);
  const files = await mountFiles({ workspaces, workspace, owner, limits, quota, target, onLeftOut, onFault });
  return { ...files, target, faults };
}

test('what the run made, wrote, moved or whose mode it changed is listed; what it left alone or removed is not', async () => {
  const s = await sized();
  for (const path of [
    'same',
    'written',
    'appended',
    'touched',
    'renamed',
    'mode',
    'gone',
    'old/a',
    'old/b/c',
    'kept/x',
  ])
    await s.workspace.write(path, bytes(path), how);
  for (let round = 0; round < 2; round++) {
    const r = await run(s);
    await r.place([{ path: 'request', content: bytes('given') }]);
    const { code, said } = await guest(
      r.target,
      `echo new > made && echo x > written && echo y >> appended && touch touched && chmod 600 mode && chmod 400 mode
       mv renamed renamed${round}; rm gone; mv old old${round} && echo z > old${round}/new && mkdir empty && mkdir -p deep/er && cp same deep/er/copy
       cat same kept/x request > /dev/null`,
    );
    expect({ code, said }).toEqual({ code: 0, said: '' });
    await r.flush();
    const paths = (await r.changed()).map(({ path }) => path);
    const expected = ['appended', 'deep/er/copy', 'made', 'mode', `renamed${round}`, 'touched', 'written'];
    expect(paths).toEqual([...expected, `old${round}/a`, `old${round}/b/c`, `old${round}/new`].sort());
    expect(r.faults).toEqual([]);
    // As it was, for a second run: by Cordon this time, between the runs.
    await s.workspace.rename(`renamed${round}`, 'renamed', how);
    await s.workspace.remove(`old${round}/new`, how);
    await s.workspace.rename(`old${round}`, 'old', how);
    await s.workspace.write('gone', bytes('again'), how);
    for (const path of ['empty', 'deep']) await s.workspace.remove(path, { quota, recursive: true });
  }
});

test('each with its size and hash; request files only when the code changes them', async () => {
  const s = await sized();
  const r = await run(s);
  await r.place([
    { path: 'in/a', content: bytes('one') },
    { path: 'in/b', content: bytes('two') },
  ]);
  await guest(r.target, 'printf more >> in/b; printf result > out');
  await r.flush();
  expect(await r.changed()).toEqual([
    { path: 'in/b', bytes: 7, sha256: sha('twomore') },
    { path: 'out', bytes: 6, sha256: sha('result') },
  ]);
  expect(await r.call({ op: 'fs.readFile', args: { path: 'out' } })).toMatchObject({ ok: false });
  expect(existsSync(join(r.target, 'out'))).toBe(false);
  expect(await text(s.workspace, 'out')).toBe('result');
  // Again, as when the record could not be written at once.
  await r.flush();
  expect(await r.changed()).toHaveLength(2);
});

test('a file that was written right before the run is not its change, and one written right after the start is', async () => {
  const s = await sized();
  await (await s.attach()).detach();
  for (let n = 0; n < 30; n++) {
    await s.workspace.write(`before${n}`, bytes('x'), { quota, durable: false });
    const a = await s.attach();
    await a.mark();
    await s.workspace.write(`during${n}`, bytes('x'), { quota, durable: false });
    expect((await a.detach()).changed).toEqual([`during${n}`]);
  }
});

test('files of holes: any size is bounded, read and counted; hashing stops at what an agent may store', async () => {
  const s = await sized();
  const r = await run(s);
  expect((await guest(r.target, 'truncate -s 10G hole && truncate -s 1M small && echo x > z')).code).toBe(0);
  await r.flush();
  expect((await r.changed()).map(({ path, bytes }) => [path, bytes])).toEqual([
    ['small', MiB],
    ['z', 2],
  ]);
  expect(r.faults).toHaveLength(1);
  // Apparent sizes, as everywhere: the agent is over its quota until the file is gone.
  expect(s.workspace.usage().bytes).toBe(10 * 1024 * MiB + MiB + 2);
  expect(await codeOf(s.workspace.write('f', bytes('x'), { quota }))).toBe('quota_exceeded');
  const file = await s.workspace.open('hole');
  expect(await file.read({ offset: 10 * 1024 * MiB - 5, length: 100 })).toHaveLength(5);
  file.close();
  await s.workspace.remove('hole', { quota });
  await s.workspace.write('f', bytes('x'), { quota });
});

test('what does not fit is refused before the start, and nothing stays bound', async () => {
  const s = await sized();
  const r = await run(s);
  expect(await codeOf(r.place([{ path: 'f', content: bytes(65 * MiB) }]))).toBe('quota_exceeded');
  expect(readdirSync(r.target)).toEqual([]);
  await r.flush();
  expect(await r.changed()).toEqual([]);
});

test('two runs at the same time each tell of what happened in their time', async () => {
  const s = await sized();
  const a = await s.attach({ growth });
  await a.mark();
  await guest(a.path, 'mkdir d && echo 1 > d/first');
  await new Promise((resolve) => setTimeout(resolve, 20));
  const b = await s.attach({ growth });
  await b.mark();
  await guest(b.path, 'echo 2 > second; mv d e');
  expect((await b.detach()).changed).toEqual(['e/first', 'second']);
  await guest(a.path, 'echo 3 > third');
  expect((await a.detach()).changed).toEqual(['e/first', 'second', 'third']);
});
