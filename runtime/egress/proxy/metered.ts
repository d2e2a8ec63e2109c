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
const RECORD_HEAD = 5;

/** `pace` counts bytes. What is written is not metered: it comes from a service, through bounds of its own. */
export function metered(socket: Duplex, pace: Pace): Metered {
  let countIn: (chunk: Buffer) => number = () => 1;
  let pause: NodeJS.Timeout | undefined;
  let isWanted = false;

  const stream = new Duplex({
    read() {
      isWanted = true;
      if (pause === undefined) socket.resume();
    },
    write(chunk: Buffer, _, done) {
      if (socket.write(chunk)) done();
      else socket.once('drain', done);
    },
    final(done) {
      socket.end(done);
    },
    destroy(error, done) {
      clearTimeout(pause);
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (chunk: Buffer) => {
    const ms = pace(chunk.length + PIECE_COST * countIn(chunk));
    isWanted = stream.push(chunk);
    if (ms >= 1) pause = setTimeout(goOn, ms);
    if (ms >= 1 || !isWanted) socket.pause();
  });
  socket.once('end', () => stream.push(null));
  socket.once('close', () => stream.destroy());

  function goOn(): void {
    pause = undefined;
    if (isWanted) socket.resume();
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
