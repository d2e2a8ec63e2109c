/** A container's second socket: nobody answers there before a run that may call, nor after it. */
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openSlot } from '../../../runtime/sandbox/container/slot.ts';
import { createWayOut } from '../../../runtime/sandbox/container/way-out.ts';

test('answers only while its run may call, and leaves nothing', async () => {
  const root = mkdtempSync(join(tmpdir(), 'cordon-way-out-'));
  const wayOut = createWayOut();
  const slot = await openSlot(root, 'slot', { door: (socket) => socket.destroy(), egress: wayOut.onConnection });
  const heard = async () => {
    const socket = connect(join(slot.doorFolder, 'egress.sock'));
    socket.on('error', () => {});
    let text = '';
    socket.on('data', (chunk) => (text += chunk));
    const closed = once(socket, 'close');
    await once(socket, 'connect');
    return { closed, text: () => text };
  };
  expect(readdirSync(slot.doorFolder).sort()).toEqual(['door.sock', 'egress.sock']);

  const early = await heard();
  await early.closed;
  expect(early.text()).toBe('');

  const answered = Promise.withResolvers<void>();
  wayOut.open((socket) => socket.write('hello', () => answered.resolve()));
  const during = await heard();
  await answered.promise;

  wayOut.close();
  await during.closed;
  expect(during.text()).toBe('hello');

  const late = await heard();
  await late.closed;
  expect(late.text()).toBe('');

  await slot.close();
  expect(readdirSync(root)).toEqual([]);
  rmSync(root, { recursive: true });
});
