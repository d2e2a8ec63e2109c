/**
 * A guest's connection, read no faster than its run may make Cordon work. A byte in a record of its own costs as much to
 * read as a thousand in one: pieces are counted, not only bytes.
 */
import { Duplex } from 'node:stream';
import type { Pace } from './pace.ts';

export interface Metered {
  readonly stream: Duplex;
  /** From the next byte on it is TLS: its records are counted (RFC 8446, section 5.1). */
  countRecords(): void;
}

/** What a piece costs besides its bytes: a read, a decryption, a step of the parser. */
export const PIECE_COST = 2048;
/** Bytes that are handed on in one turn, however many came: others have their turn between. */
const TURN = 16 * 1024;
const RECORD_HEAD = 5;

/** `pace` counts bytes. What is written is not metered: it comes from a service, through bounds of its own. */
export function metered(socket: Duplex, pace: Pace): Metered {
  let countIn: (chunk: Buffer) => number = () => 1;
  /** Set while it is not its turn. */
  let cancel: (() => void) | undefined;
  let isWanted = false;
  let isOver = false;
  let isTold = false;
  /** What came and waits for its turn. */
  let rest: Buffer | undefined;

  const stream = new Duplex({
    read() {
      isWanted = true;
      if (cancel === undefined) goOn();
    },
    write(chunk: Buffer, _, done) {
      if (socket.write(chunk)) done();
      else socket.once('drain', done);
    },
    final(done) {
      socket.end(done);
    },
    destroy(error, done) {
      cancel?.();
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', handOn);
  socket.once('end', () => {
    isOver = true;
    if (cancel === undefined) goOn();
  });
  // Nobody is left to be answered.
  socket.once('close', () => stream.destroy());

  function handOn(chunk: Buffer): void {
    socket.pause();
    cancel = () => {};
    isWanted = false;
    const part = chunk.subarray(0, TURN);
    rest = chunk.length > TURN ? chunk.subarray(TURN) : undefined;
    isWanted = stream.push(part) || isWanted;
    // Afterwards: whoever read it may have found that it costs more.
    const ms = pace(part.length + PIECE_COST * countIn(part));
    if (stream.destroyed) return;
    if (ms >= 1) {
      const timer = setTimeout(goOn, ms);
      cancel = () => clearTimeout(timer);
    } else if (rest !== undefined) {
      const turn = setImmediate(goOn);
      cancel = () => clearImmediate(turn);
    } else goOn();
  }

  function goOn(): void {
    cancel = undefined;
    if (rest !== undefined) {
      if (isWanted) handOn(rest);
    } else if (!isOver) {
      if (isWanted) socket.resume();
    } else if (!isTold) {
      isTold = true;
      stream.push(null);
    }
  }

  return {
    stream,
    countRecords() {
      countIn = recordCounter();
    },
  };
}

/** Counts the records that begin in each piece of a stream. */
function recordCounter(): (chunk: Buffer) => number {
  const head = Buffer.alloc(RECORD_HEAD);
  let had = 0;
  let left = 0;
  return (chunk) => {
    let records = 1;
    for (let at = 0; at < chunk.length; ) {
      if (left > 0) {
        const step = Math.min(left, chunk.length - at);
        left -= step;
        at += step;
      } else {
        head[had++] = chunk[at++] as number;
        if (had < RECORD_HEAD) continue;
        had = 0;
        left = head.readUInt16BE(3);
        records++;
      }
    }
    return records;
  };
}
