/** Many pass together, or one alone. Who wants to be alone goes before those that come later, so nobody waits for ever. */
export interface Turnstile {
  together<T>(body: () => Promise<T> | T): Promise<T>;
  alone<T>(body: () => Promise<T>): Promise<T>;
}

/** Bodies must not pass the same turnstile again: they would wait for themselves. */
export function createTurnstile(): Turnstile {
  let inside = 0;
  let emptied: (() => void) | undefined;
  let closed: Promise<unknown> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  return {
    async together(body) {
      while (closed !== undefined) await closed;
      inside++;
      try {
        return await body();
      } finally {
        if (--inside === 0) emptied?.();
      }
    },
    alone(body) {
      const turn = last.then(async () => {
        if (inside > 0) {
          await new Promise<void>((resolve) => {
            emptied = resolve;
          });
          emptied = undefined;
        }
        return body();
      });
      last = turn.catch(() => {});
      const mine = last;
      closed = mine;
      void mine.then(() => {
        if (closed === mine) closed = undefined;
      });
      return turn;
    },
  };
}
