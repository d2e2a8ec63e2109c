/**
 * Stages of a stream of bytes. Unlike an async generator, a stage hands `return()` on at once: before the first read, and
 * while a read is pending; whoever stops reading frees the connection.
 */

export type Bytes = AsyncIterable<Uint8Array>;

export interface Stage {
  /** Answers what goes on; empty or undefined: nothing yet. May throw: that ends the stream and stops the source. */
  push(chunk: Uint8Array): Uint8Array | undefined;
  /** What is left when the source has ended. */
  end?(): Uint8Array | undefined;
  /** Once, when all is over: `error` when it broke. */
  settled?(error?: unknown): void;
}

/** The result can be read once. */
export function through(source: Bytes, stage: Stage): Bytes {
  const from = source[Symbol.asyncIterator]();
  const done: IteratorResult<Uint8Array> = { done: true, value: undefined };
  let isOver = false;

  function settle(error?: unknown): void {
    if (isOver) return;
    isOver = true;
    stage.settled?.(error);
  }

  async function next(): Promise<IteratorResult<Uint8Array>> {
    try {
      while (!isOver) {
        const read = await from.next();
        // It was stopped meanwhile.
        if (isOver) return done;
        const bytes = read.done ? stage.end?.() : stage.push(read.value);
        if (read.done) settle();
        if (bytes !== undefined && bytes.byteLength > 0) return { done: false, value: bytes };
      }
      return done;
    } catch (error) {
      if (isOver) return done;
      settle(error);
      await from.return?.();
      throw error;
    }
  }

  const iterator: AsyncIterator<Uint8Array> = {
    next,
    async return() {
      if (isOver) return done;
      settle();
      await from.return?.();
      return done;
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}
