/** Output as events: piece by piece as it comes, until a run has said so much that pieces are gathered. */
import type { Stream } from './run-output.ts';

/** From here on a run is a chatty one: a byte per event would cost a hundred times what is printed. */
const PIECES_AS_THEY_COME = 10_000;
/** How long a chatty run's output is gathered, and how much of it. */
const GATHER_MS = 100;
const GATHER_CHARS = 64 * 1024;

export interface OutputEvents {
  show(stream: Stream, text: string): void;
  /** Appends what is gathered. */
  flush(): void;
}

/** Gathered pieces keep the order of their stream; which of the two streams came first is not told within `GATHER_MS`. */
export function createOutputEvents(append: (stream: Stream, text: string) => void): OutputEvents {
  const gathered = new Map<Stream, string>();
  let pieces = 0;
  let chars = 0;
  let timer: NodeJS.Timeout | undefined;

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    for (const [stream, text] of gathered) append(stream, text);
    gathered.clear();
    chars = 0;
  }

  return {
    show(stream, text) {
      if (++pieces <= PIECES_AS_THEY_COME) return append(stream, text);
      gathered.set(stream, (gathered.get(stream) ?? '') + text);
      chars += text.length;
      if (chars >= GATHER_CHARS) return flush();
      timer ??= setTimeout(flush, GATHER_MS);
    },
    flush,
  };
}
