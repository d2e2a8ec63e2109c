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
  /** What is thrown instead of `error`. */
  failed?(error: unknown): unknown;
}

/** Several stages as one: a read goes through all of them in one step. `settled` and `failed` are the last one's. */
export function inTurn(stages: readonly [...Stage[], Stage]): Stage {
  const last = stages.at(-1) as Stage;
  const pushed = (chunk: Uint8Array, from: number): Uint8Array | undefined => {
    let bytes: Uint8Array | undefined = chunk;
    for (let at = from; at < stages.length; at++) {
      if (bytes === undefined || bytes.byteLength === 0) return undefined;
      bytes = (stages[at] as Stage).push(bytes);
    }
    return bytes;
  };
  return {
    push: (chunk) => pushed(chunk, 0),
    end() {
      const rest: Uint8Array[] = [];
      for (const [at, stage] of stages.entries()) {
        const left = stage.end?.();
        const out = left && pushed(left, at + 1);
        if (out && out.byteLength > 0) rest.push(out);
      }
      return rest.length < 2 ? rest[0] : Buffer.concat(rest);
    },
    settled: (error) => last.settled?.(error),
    failed: (error) => (last.failed ? last.failed(error) : error),
  };
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
      throw stage.failed ? stage.failed(error) : error;
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
