/** What comes through the door of a container costs the service little, whatever it is. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { GuestHost } from '../../../runtime/sandbox/driver.ts';
import { closed, MiB, started, until } from './open-door.ts';

/** JSON of objects with index keys: V8 encodes them by recursion, however they were made. */
const deep = (levels: number) => `${'{"1":'.repeat(levels)}0${'}'.repeat(levels)}`;
/** By hand: what is too deep to be encoded can be sent all the same. */
function raw(header: string): Buffer {
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(Buffer.byteLength(header));
  return Buffer.concat([lengths, Buffer.from(header)]);
}
const setting = (value: string, id = 1) => raw(`{"t":"call","id":${id},"op":"memory.set","args":{"value":${value}}}`);
const refused = (id: number) => ({ t: 'reply', id, reply: { ok: false, error: { name: 'TypeError' } } });

test.each<[string, GuestHost['call']]>([
  ['that cannot be encoded', async () => ({ ok: true, value: JSON.parse(deep(20_000)) })],
  ['that never comes, because the host failed', () => Promise.reject(new Error('broken'))],
])('an answer %s is EIO for its call, and the service goes on', async (_, answer) => {
  const { enter } = await started(answer);
  const guest = await enter();
  for (const id of [1, 2]) guest.send({ t: 'call', id, op: 'memory.get', args: {} });
  await until(() => guest.replies.length === 2);
  expect(guest.replies).toMatchObject([1, 2].map((id) => ({ id, reply: { ok: false, error: { code: 'EIO' } } })));
});

test('calls that are nested too deeply or have too many parts are refused unread, and those after them answered', async () => {
  const { enter, heard } = await started();
  const guest = await enter();
  guest.socket.write(setting(deep(3000), 1));
  guest.socket.write(setting(`[${'{},'.repeat(MiB)}0]`, 2));
  guest.socket.write(setting(deep(900), 3));
  // Only a value of memory is large.
  guest.send({ t: 'call', id: 4, op: 'fs.readFile', args: Array(100_000).fill({}) });
  guest.send({ t: 'call', id: 5, op: 'memory.set', args: Array(300_000).fill(0) });
  await until(() => guest.replies.length === 5);
  expect(guest.replies.sort((a: any, b: any) => a.id - b.id)).toMatchObject([
    refused(1),
    refused(2),
    { id: 3, reply: { ok: true } },
    refused(4),
    { id: 5, reply: { ok: true } },
  ]);
  expect(heard.calls).toHaveLength(2);
});

test('a message of 200,000 keys costs its connection, without a list of them', async () => {
  const { enter, heard } = await started();
  const { socket } = await enter();
  const keys = Array.from({ length: 200_000 }, (_, n) => `"k${n}":0`);
  socket.write(raw(`{"t":"call","id":1,"op":"x",${keys.join(',')},"args":0}`));
  await closed(socket);
  expect(heard.calls).toEqual([]);
});

test('large values are read at a pace: what they cost is counted, not only their bytes', async () => {
  const { enter, heard } = await started();
  const guest = await enter();
  const began = performance.now();
  for (let id = 0; id < 20; id++) guest.socket.write(setting(`[${'{},'.repeat(MiB / 3)}0]`, id));
  await until(() => heard.calls.length > 0);
  await sleep(500);
  // Each stands for four windows of 50 ms.
  expect(heard.calls.length).toBeLessThan(1 + (performance.now() - began) / 100);
});

test('while calls wait, their connections are not read, and the supervisor is', async () => {
  const { enter, heard, supervisor } = await started(() => new Promise(() => {}));
  const guest = await enter();
  for (let id = 0; id < 100; id++) guest.send({ t: 'call', id, op: 'fetch', args: {} });
  await until(() => heard.atOnce === 64);
  await sleep(20);
  supervisor.send({ t: 'output', stream: 'stdout' }, Buffer.from('late'));
  supervisor.send({ t: 'ended', exitCode: 0 });
  await until(() => heard.ended.length === 1);
  expect(heard.output).toBe('late');
});

test('a supervisor with more calls at once than it ever makes is lost', async () => {
  const { door, supervisor, heard } = await started(() => new Promise(() => {}));
  for (let id = 0; id < 100; id++) supervisor.send({ t: 'call', id, op: 'fs.stat', args: {} });
  expect(await door.lost).toMatch(/more at once/);
  expect(heard.calls.length).toBeLessThanOrEqual(64);
});
