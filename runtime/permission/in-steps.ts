/** Long work on the one thread, written as a generator that yields where other work may go in between. */
import { setImmediate as pause } from 'node:timers/promises';

export async function withPauses<T>(steps: Generator<void, T>): Promise<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    await pause();
  }
}

/** Where nobody else waits, or nobody else may come in between. */
export function atOnce<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
