/** A container's door, and what came through it: real sockets, no container. */
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect } from 'vitest';
import { createDoor, type Door } from '../../../runtime/sandbox/container/door.ts';
import { protocolVersion } from '../../../runtime/sandbox/container/messages.ts';
import { openSlot, type Slot } from '../../../runtime/sandbox/container/slot.ts';
import type { GuestHost, HostCall } from '../../../runtime/sandbox/driver.ts';
import { encodeFrame, frameReader } from '../../../runtime/sandbox/frames.ts';
import { defaultLimits } from '../../../runtime/sandbox/limits.ts';

export const MiB = 1024 ** 2;
const root = mkdtempSync(join(tmpdir(), 'cordon-door-'));
let open: { slot: Slot; door: Door; sockets: Socket[] } | undefined;

afterEach(async () => {
  for (const socket of open?.sockets ?? []) socket.destroy();
  open?.door.close();
  await open?.slot.close();
  open = undefined;
  expect(readdirSync(root)).toEqual([]);
});
process.on('exit', () => rmSync(root, { recursive: true, force: true }));

/** A door, and what came through it. `answer` is the host's. */
export async function openDoor(answer: GuestHost['call'] = () => sleep(1, { ok: true, value: 1 })) {
  const door = createDoor();
  const slot = await openSlot(root, 'slot', { door: door.onConnection, egress: (socket) => socket.destroy() });
  const sockets: Socket[] = [];
  open = { slot, door, sockets };
  const heard = {
    output: '',
    ends: [] as string[],
    ended: [] as unknown[],
    calls: [] as HostCall[],
    displays: 0,
    atOnce: 0,
  };
  let answering = 0;

  async function enter() {
    const socket = connect(join(slot.doorFolder, 'door.sock'));
    sockets.push(socket);
    const replies: object[] = [];
    socket.on(
      'data',
      frameReader(64 * MiB, (header) => replies.push(header)),
    );
    socket.on('error', () => {});
    await once(socket, 'connect');
    return { socket, replies, send: (header: unknown, bytes?: Uint8Array) => socket.write(encodeFrame(header, bytes)) };
  }

  const host: GuestHost = {
    output: () => heard.displays++,
    waiting() {},
    async call(call) {
      heard.calls.push(call);
      heard.atOnce = Math.max(heard.atOnce, ++answering);
      const reply = await answer(call);
      answering--;
      return reply;
    },
  };
  const start = () =>
    door.start({ t: 'start', run: 'r', language: 'shell', code: '', limits: defaultLimits, carry: false }, host, {
      output(_, bytes) {
        heard.output += Buffer.from(bytes).toString();
      },
      end: (json) => heard.ends.push(json),
      ended: (message) => heard.ended.push(message),
      notKept() {},
    });
  return { door, slot, enter, heard, start };
}

export const closed = (socket: Socket) =>
  new Promise<void>((resolve) => {
    if (socket.closed) resolve();
    socket.once('close', () => resolve());
  });
export const until = async (holds: () => boolean) => {
  for (const end = performance.now() + 10_000; !holds() && performance.now() < end; ) await sleep(2);
  expect(holds()).toBe(true);
};

/** A door whose run has begun. */
export async function started(answer?: GuestHost['call']) {
  const parts = await openDoor(answer);
  const supervisor = await parts.enter();
  supervisor.send({ t: 'hello', version: protocolVersion });
  await parts.door.ready;
  parts.start();
  return { ...parts, supervisor };
}
