/** The door of a container against whatever may come through it: real sockets, no container. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { protocolVersion } from '../../../runtime/sandbox/container/messages.ts';
import { closed, MiB, openDoor, until } from './open-door.ts';

test('the first connection is the supervisor’s, later ones are the guest’s', async () => {
  const { door, slot, enter, heard, start } = await openDoor();
  expect(statSync(join(slot.doorFolder, 'door.sock')).mode & 0o777).toBe(0o666);
  const supervisor = await enter();
  supervisor.send({ t: 'hello', version: protocolVersion });
  await door.ready;
  start();
  const guest = await enter();
  guest.send({ t: 'call', id: 7, op: 'memory.get', args: { key: 'k' } });
  guest.send({ t: 'end', id: 8, end: '{"status":"succeeded"}' });
  await until(() => guest.replies.length === 2);
  expect(guest.replies).toContainEqual({ t: 'reply', id: 7, reply: { ok: true, value: 1 } });
  supervisor.send({ t: 'output', stream: 'stdout' }, Buffer.from('hi'));
  supervisor.send({ t: 'ended', exitCode: 0 });
  await until(() => heard.ended.length === 1);
  expect(heard).toMatchObject({ output: 'hi', ends: ['{"status":"succeeded"}'], ended: [{ exitCode: 0 }] });
  expect(supervisor.replies).toMatchObject([{ t: 'start', run: 'r' }]);
});

test.each([
  ['another version', { t: 'hello', version: protocolVersion - 1 }],
  ['a word before hello', { t: 'output', stream: 'stdout' }],
  ['an unknown word', { t: 'please' }],
  ['a word with more in it', { t: 'hello', version: protocolVersion, more: 1 }],
])('a supervisor that begins with %s is lost', async (_what, header) => {
  const { door, enter } = await openDoor();
  const { socket, send } = await enter();
  send(header);
  await expect(door.ready).rejects.toThrow();
  await closed(socket);
});

test('a supervisor that speaks before its run is lost', async () => {
  const { door, enter } = await openDoor();
  const { send } = await enter();
  send({ t: 'hello', version: protocolVersion });
  send({ t: 'ended', exitCode: 0 });
  expect(await door.lost).toMatch(/spoke before/);
});

test('a guest before the run, or with words of the supervisor, loses its connection and nothing else', async () => {
  const { door, enter, heard, start } = await openDoor();
  const supervisor = await enter();
  supervisor.send({ t: 'hello', version: protocolVersion });
  await door.ready;
  const early = await enter();
  early.send({ t: 'call', id: 1, op: 'memory.get', args: {} });
  await closed(early.socket);
  start();
  for (const header of [
    { t: 'ended', exitCode: 0 },
    { t: 'hello', version: protocolVersion },
    { t: 'output', stream: 'stdout' },
    { t: 'start' },
    { t: 'call', id: -1, op: 'x', args: {} },
    { t: 'call', id: 1, op: 'x'.repeat(100), args: {} },
    { t: 'end', id: 1, end: { status: 'succeeded' } },
    { t: 'end', id: 1, end: '', __proto__: null, constructor: 1 },
    [],
    'text',
    null,
  ]) {
    const { socket, send } = await enter();
    send(header);
    await closed(socket);
  }
  for (const raw of [
    Buffer.alloc(8, 0xff),
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from([0, 0, 0, 2, 0, 0, 0, 0, 0xff, 0xfe]),
  ]) {
    const { socket } = await enter();
    socket.write(raw);
    await closed(socket);
  }
  expect(heard).toMatchObject({ calls: [], ends: [], ended: [], output: '' });
  supervisor.send({ t: 'ended', exitCode: 3 });
  await until(() => heard.ended.length === 1);
});

test('unfinished messages of all connections share 64 MiB', async () => {
  const { door, enter, start } = await openDoor();
  const supervisor = await enter();
  supervisor.send({ t: 'hello', version: protocolVersion });
  await door.ready;
  start();
  const guests = await Promise.all([1, 2, 3].map(enter));
  for (const { socket } of guests) {
    const begun = Buffer.alloc(40 * MiB);
    begun.writeUInt32BE(10, 0);
    begun.writeUInt32BE(47 * MiB, 4);
    socket.write(begun);
  }
  await Promise.race(guests.map(({ socket }) => closed(socket)));
  await sleep(50);
  expect(guests.filter(({ socket }) => !socket.destroyed).length).toBeGreaterThan(0);
  expect(supervisor.socket.destroyed).toBe(false);
});

test('a flood of calls is answered, at most 64 at once, and the supervisor is heard afterwards', async () => {
  const { door, enter, heard, start } = await openDoor();
  const supervisor = await enter();
  supervisor.send({ t: 'hello', version: protocolVersion });
  await door.ready;
  start();
  const guest = await enter();
  for (let id = 0; id < 5000; id++) guest.send({ t: 'call', id, op: 'memory.get', args: {} });
  await until(() => guest.replies.length === 5000);
  expect(heard.atOnce).toBe(64);
  supervisor.send({ t: 'ended', exitCode: 0 });
  await until(() => heard.ended.length === 1);
});

test('connections beyond 128 are turned away, and a closed door hears nothing', async () => {
  const { door, enter, heard, start } = await openDoor();
  const supervisor = await enter();
  supervisor.send({ t: 'hello', version: protocolVersion });
  await door.ready;
  start();
  const many = await Promise.all(Array.from({ length: 140 }, enter));
  const open = () => many.filter(({ socket }) => !socket.destroyed).length;
  await until(() => open() <= 127);
  // And no more of them.
  await sleep(50);
  expect(open()).toBe(127);
  door.close();
  await Promise.all(many.map(({ socket }) => closed(socket)));
  expect(await door.lost).toBe('the connection ended');
  expect(heard.calls).toEqual([]);
});
