// Frames on the door's socket, written and read by blocking calls: what must have happened before the process goes on.
// Headers are built with what JSON was before the guest could patch it.
import { readSync, writeSync } from 'node:fs';
import { internals } from './internals.mjs';
import { door } from './places.mjs';

const { parse, own } = internals.primordials;
const pause = new Int32Array(new SharedArrayBuffer(4));
const LENGTHS = 8;

/** The bytes of a frame without a body. */
export function frameOf(json) {
  const header = Buffer.from(json, 'utf8');
  const frame = Buffer.alloc(LENGTHS + header.length);
  frame.writeUInt32BE(header.length, 0);
  header.copy(frame, LENGTHS);
  return frame;
}

/** Writes all of `bytes`. A descriptor that a child process made non-blocking is waited for. */
export function writeAll(fd, bytes) {
  for (let at = 0; at < bytes.length; ) at += patiently(() => writeSync(fd, bytes, at, bytes.length - at));
}

/** Reads exactly `length` bytes. */
export function readExactly(fd, length) {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const count = patiently(() => readSync(fd, bytes, at, length - at, null));
    if (count === 0) throw new Error('Cordon has closed the connection');
    at += count;
  }
  return bytes;
}

function patiently(transfer) {
  for (;;) {
    try {
      return transfer();
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(pause, 0, 0, 1);
    }
  }
}

/** node:net is loaded late: most programs have printed by then. */
export const connectDoor = () => process.getBuiltinModule('node:net').connect(door);

let socket;

/** A blocking connection to Cordon. On Linux a Unix socket is connected when `connect` returns. */
function descriptor() {
  if (socket === undefined) {
    socket = connectDoor().unref();
    socket.on('error', () => {});
    // Or the event loop would read the answers.
    socket.pause();
    socket._handle?.setBlocking?.(true);
  }
  return socket._handle?.fd ?? -1;
}

let asked = 0;

/** Sends a message, JSON text of an object, and waits for the reply; answers it. */
export function exchange(json) {
  const fd = descriptor();
  writeAll(fd, frameOf(`{"id":${++asked},${json.slice(1)}`));
  const lengths = readExactly(fd, LENGTHS);
  const header = readExactly(fd, lengths.readUInt32BE(0));
  readExactly(fd, lengths.readUInt32BE(4));
  return own(parse(header.toString('utf8')), 'reply');
}
