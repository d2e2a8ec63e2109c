/** The engine of JavaScript and TypeScript: a blank isolate for each run, its source transformed by a parser of our own. */
import type { createBlankIsolates } from './blank-isolates.ts';
import type { Engine } from './sandbox.ts';

const paths = { typescript: '/workspace/main.ts', javascript: '/workspace/main.js' } as Record<string, string>;

export function createJavaScript(isolates: ReturnType<typeof createBlankIsolates>): Engine {
  /** One isolate a turn: a run that arrives meanwhile waits for one at most. */
  function refill(): void {
    if (isolates.refill()) setImmediate(refill);
  }

  return {
    async open() {
      isolates.refill();
      setImmediate(refill);
    },
    take: (ramBytes) => isolates.take(ramBytes),
    async prepare(start, transform) {
      const path = paths[start.language] ?? '/workspace/main.js';
      const main = await transform({ path, source: start.code, role: 'main' });
      if (main === undefined) return undefined;
      if (!main.ok) return { end: JSON.stringify({ status: 'failed', error: main.error }) };
      return { program: { path, ...main } };
    },
    idle: () => void setImmediate(refill),
    steady: () => true,
  };
}
