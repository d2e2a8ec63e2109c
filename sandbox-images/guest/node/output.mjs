// The guest's stdout and stderr: written at once, like Node's to a file, so that nothing is lost at an exit; and in the
// order in which they were written, also across the two.
import { readExactly, writeAll } from './frames.mjs';
import { isHarness } from './places.mjs';

// The barrier: a byte asks for all output so far to be read, a byte says that it was.
const ASK = 3;
const ANSWER = 4;
const request = Buffer.from('.');

let hasBarrier = isHarness;
let unread = 0;

/** Waits until all output so far is on its way to Cordon, in its order. */
export function settleOutput() {
  unread = 0;
  if (!hasBarrier) return;
  try {
    writeAll(ASK, request);
    readExactly(ANSWER, 1);
  } catch {
    // The guest has closed it, or the supervisor is gone: only the order is lost.
    hasBarrier = false;
  }
}

/** As settleOutput, where this process has written something since the last time. */
export function settleOwnOutput() {
  if (unread !== 0) settleOutput();
}

function createOutput(fd) {
  // Loaded here: a program that prints nothing starts sooner.
  const { Writable } = process.getBuiltinModule('node:stream');
  const output = new Writable({
    decodeStrings: true,
    autoDestroy: false,
    emitClose: false,
    write(bytes, _encoding, done) {
      if (unread !== 0 && unread !== fd) settleOutput();
      unread = fd;
      try {
        writeAll(fd, bytes);
      } catch {
        // Nobody reads any more.
      }
      done();
    },
    // Like Node's own: it cannot be closed.
    destroy(error, done) {
      done(error);
    },
  });
  return Object.assign(output, { fd, _type: 'pipe', _isStdio: true });
}

/** Replaces process.stdout and process.stderr, each made when it is first read. */
export function takeOutput() {
  const streams = { __proto__: null };
  for (const [name, fd] of [
    ['stdout', 1],
    ['stderr', 2],
  ]) {
    Object.defineProperty(process, name, {
      configurable: true,
      enumerable: true,
      get() {
        streams[name] ??= createOutput(fd);
        return streams[name];
      },
    });
  }
}
