import { expect, test } from 'vitest';
import { createFileLocks } from '../../runtime/run/file-locks.ts';
import type { HostReply } from '../../runtime/sandbox/driver.ts';
import { bytes } from '../workspace/scratch.ts';
import { failed, guest } from './guest.ts';

test('versions tell each change of a content apart, and what a change found', async () => {
  const g = await guest();
  const versions = async (reply: Promise<HostReply>) => {
    const answer = await reply;
    if (!answer.ok) throw new Error(answer.error.message);
    const { version, before, bytes: size } = answer.value as { version: string; before?: string; bytes: number };
    return { version, before, size };
  };
  const made = await versions(g.ask('writeFile', { path: 'a', flag: 'ax', version: true }, bytes('one')));
  const stat = await versions(g.ask('stat', { path: 'a', version: true }));
  expect(stat).toEqual({ version: made.version, before: undefined, size: 3 });
  const read = await versions(g.ask('readFile', { path: 'a', offset: 1, length: 1, version: true }));
  expect(read.version).toBe(made.version);
  const changed = await versions(g.ask('writeRange', { path: 'a', offset: 0, version: true }, bytes('two')));
  expect(changed).toMatchObject({ before: made.version, size: 3 });
  expect(changed.version).not.toBe(made.version);
  await g.write('a', '!', 'a');
  const cut = await versions(g.ask('truncate', { path: 'a', bytes: 1, version: true }));
  expect(cut.before).not.toBe(changed.version);
  expect(cut.size).toBe(1);
});

test('a lock holds between runs of an agent until it is given back or the run has ended', async () => {
  const locks = createFileLocks();
  const owner = { tenant: 'default', agent: 'agent-a' };
  const [one, two] = [await guest({ locks: locks.open(owner) }), await guest({ locks: locks.open(owner) })];
  const lock = { path: '/workspace/d/../db', space: 'fcntl', holder: 0, start: 0, length: 0 };
  const take = { ...lock, kind: 'exclusive', wait: false };
  expect(await one.ask('lock', take)).toEqual({ ok: true });
  expect(failed(await two.ask('lock', { ...take, path: 'db' }))).toBe('Error EAGAIN undefined');
  expect(await two.ask('testLock', { ...lock, path: 'db', kind: 'shared' })).toEqual({
    ok: true,
    value: { held: { kind: 'exclusive', start: 0, length: 0 } },
  });
  await one.ask('lock', { ...take, kind: 'unlock' });
  expect(await two.ask('testLock', { ...lock, kind: 'shared' })).toEqual({ ok: true, value: { held: null } });
  expect(await one.ask('lock', take)).toEqual({ ok: true });
  const waiting = two.ask('lock', { ...take, wait: true });
  await one.files.flush();
  expect(await waiting).toEqual({ ok: true });
  const never = one.ask('lock', take);
  expect(failed(await never)).toBe('Error EINTR undefined');
  for (const wrong of [
    { ...take, kind: 'x' },
    { ...take, start: -1 },
    { ...take, space: 'x' },
    { ...take, path: 1 },
  ])
    expect(failed(await two.ask('lock', wrong))).toBe('TypeError ERR_INVALID_ARG_TYPE undefined');
  expect(failed(await two.ask('lock', { ...take, path: '../x' }))).toBe('Error EACCES undefined');
});

test('the end of a run does not wait for a lock that it waited for', async () => {
  const locks = createFileLocks();
  const owner = { tenant: 'default', agent: 'agent-a' };
  const [one, two] = [await guest({ locks: locks.open(owner) }), await guest({ locks: locks.open(owner) })];
  const take = { path: 'db', kind: 'exclusive', wait: true, space: 'flock', holder: 1, start: 0, length: 0 };
  await one.ask('lock', take);
  const waiting = two.ask('lock', take);
  await two.files.flush();
  expect(failed(await waiting)).toBe('Error EINTR undefined');
});

test('one file is made durable on request', async () => {
  const g = await guest();
  await g.write('d', 'x');
  expect(await g.ask('sync', { path: 'd' })).toEqual({ ok: true });
  expect(failed(await g.ask('sync', { path: '/etc/passwd' }))).toBe('Error EACCES undefined');
});
