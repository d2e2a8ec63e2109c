// A standard stream of Python: bytes in, messages to the worker out, no character split.
import { post } from '../prelude/bridge.js';
import { stringify } from '../prelude/primordials.js';
import { decodeUtf8, unfinishedBytes } from './utf8.js';

/** `room` is shared by the streams of a run: how many bytes the worker still takes; it cuts, the rest need not travel. */
export function createOutputStream(name, room) {
  let rest = new Uint8Array(0);

  function send(bytes) {
    if (bytes.length === 0 || room.bytes < 0) return;
    // A byte too many tells the worker that output was lost.
    const sent = bytes.length > room.bytes + 4 ? bytes.subarray(0, room.bytes + 4) : bytes;
    room.bytes -= bytes.length;
    post(`{"t":"out","stream":"${name}","text":${stringify(decodeUtf8(sent))}}`);
  }

  return {
    write(bytes) {
      let whole = bytes;
      if (rest.length > 0) {
        whole = new Uint8Array(rest.length + bytes.length);
        whole.set(rest);
        whole.set(bytes, rest.length);
      }
      const complete = whole.length - unfinishedBytes(whole);
      rest = whole.slice(complete);
      send(whole.subarray(0, complete));
    },
    /** What is left at the end: the beginning of a character that never came. */
    finish() {
      send(rest);
      rest = new Uint8Array(0);
    },
    reset() {
      rest = new Uint8Array(0);
    },
  };
}
