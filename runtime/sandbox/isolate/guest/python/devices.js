// Python's doors: /dev/cordon for questions to the host, and the standard streams. All of them are character devices:
// reading and writing them takes no object of JavaScript in Python.
import { ask, post } from '../prelude/bridge.js';
import { limitOfError, own, parse, stringify } from '../prelude/primordials.js';
import { createOutputStream } from './output-stream.js';
import { decodeUtf8, encodeUtf8 } from './utf8.js';

const MAJOR = 200;
const errno = { EINVAL: 28, EPERM: 63, ESPIPE: 70 };
const empty = new Uint8Array(0);

/** `limitOf(errno)`: the run's limit that a refused file operation stands for, for an uncaught OSError. */
export function createDevices(FS, limitOf) {
  const room = { bytes: 0 };
  const outputs = [createOutputStream('stdout', room), createOutputStream('stderr', room)];
  let program;
  let endText;
  let reply = empty;

  const fail = (number) => {
    throw new FS.ErrnoError(number);
  };
  const device = (minor, path, ops) => {
    const number = FS.makedev(MAJOR, minor);
    FS.registerDevice(number, { llseek: () => fail(errno.ESPIPE), ...ops });
    if (FS.analyzePath(path, true).exists) FS.unlink(path);
    FS.mkdev(path, number);
  };
  device(1, '/dev/cordon', {
    read(_stream, buffer, offset, length) {
      const part = reply.subarray(0, length);
      buffer.set(part, offset);
      reply = reply.subarray(part.length);
      return part.length;
    },
    write(_stream, buffer, offset, length) {
      const message = readMessage(bytesOf(buffer, offset, length).slice());
      if (message === undefined) fail(errno.EINVAL);
      reply = empty;
      take(message);
      return length;
    },
  });
  device(2, '/dev/stdin', { read: () => 0, write: () => fail(errno.EPERM) });
  // Emscripten's terminals keep unfinished lines in JavaScript, where nothing would put them back.
  for (const terminal of ['/dev/tty', '/dev/tty1']) FS.unlink(terminal);
  outputs.forEach((output, at) => {
    device(3 + at, at === 0 ? '/dev/stdout' : '/dev/stderr', {
      read: () => 0,
      write(_stream, buffer, offset, length) {
        output.write(bytesOf(buffer, offset, length));
        return length;
      },
    });
  });
  reopen();

  /** Descriptors 0, 1 and 2 and no other, whatever was done to them. */
  function reopen() {
    FS.streams.length = 0;
    FS.open('/dev/stdin', 0);
    FS.open('/dev/stdout', 1);
    FS.open('/dev/stderr', 1);
  }

  function take({ header, bytes }) {
    switch (own(header, 't')) {
      case 'start':
        return setReply({ ok: true, value: program });
      case 'ask':
        return setReply(...asked(own(header, 'op'), own(header, 'args') ?? {}, bytes));
      case 'limit':
        return setReply({ ok: true, value: limitOf(own(header, 'errno'))?.limit ?? null });
      case 'display':
        return post(stringify({ t: 'display', mime: own(header, 'mime'), data: own(header, 'data') }));
      case 'end':
        endText = stringify(own(header, 'end'));
        return undefined;
      default:
        return fail(errno.EINVAL);
    }
  }

  function asked(op, args, bytes) {
    try {
      const { value, bytes: given } = ask(op, args, bytes.length === 0 ? undefined : bytes.slice().buffer);
      return [{ ok: true, value: value ?? null }, given === undefined ? empty : new Uint8Array(given)];
    } catch (error) {
      const { name, message, code } = error;
      return [{ ok: false, error: { name, message, code, limit: limitOfError.get(error) } }, empty];
    }
  }

  function setReply(header, bytes = empty) {
    const text = encodeUtf8(stringify(header));
    reply = new Uint8Array(8 + text.length + bytes.length);
    const lengths = new DataView(reply.buffer);
    lengths.setUint32(0, text.length, true);
    lengths.setUint32(4, bytes.length, true);
    reply.set(text, 8);
    reply.set(bytes, 8 + text.length);
  }

  return {
    reopen,
    /** Before a run: `given` is what the question `start` answers. */
    open(given, outputBytes) {
      program = given;
      endText = undefined;
      reply = empty;
      room.bytes = outputBytes;
      for (const output of outputs) output.reset();
    },
    hasEnd: () => endText !== undefined,
    /** After it: the end as JSON text, if Python said one. */
    close() {
      for (const output of outputs) output.finish();
      program = undefined;
      reply = empty;
      return endText;
    },
  };
}

/** Emscripten hands out its memory as signed bytes. */
const bytesOf = (buffer, offset, length) => new Uint8Array(buffer.buffer, buffer.byteOffset + offset, length);

/** {header, bytes}; undefined for anything else than a message. */
function readMessage(message) {
  if (message.length < 4) return undefined;
  const length = new DataView(message.buffer, message.byteOffset).getUint32(0, true);
  if (length + 4 > message.length) return undefined;
  try {
    const header = parse(decodeUtf8(message.subarray(4, 4 + length)));
    return typeof header === 'object' && header !== null ? { header, bytes: message.subarray(4 + length) } : undefined;
  } catch {
    return undefined;
  }
}
