/** Collects a run's output within one turn of the event loop, in order, so that a chatty guest costs few frames. */
const CHUNK_CHARS = 64 * 1024;

/** Up to here, not between the halves of a pair. */
function pieceEnd(text: string, from: number): number {
  const end = from + CHUNK_CHARS;
  return end < text.length && (text.charCodeAt(end) & 0xfc00) === 0xdc00 ? end - 1 : end;
}

export type OutputItem = ['stdout' | 'stderr', string];

/**
 * `outputBytes` bounds what is sent on: the host cuts exactly and marks it, this side only stops the flood.
 */
export function createOutput(outputBytes: number, send: (items: OutputItem[]) => void) {
  let items: OutputItem[] = [];
  let chars = 0;
  let sentChars = 0;
  let scheduled = false;

  function flush(): void {
    if (items.length === 0) return;
    const ready = items;
    items = [];
    chars = 0;
    send(ready);
  }

  function add(name: 'stdout' | 'stderr', piece: string): void {
    chars += piece.length;
    const last = items.at(-1);
    if (last && last[0] === name) last[1] += piece;
    else items.push([name, piece]);
    if (chars >= CHUNK_CHARS || items.length >= 1000) return flush();
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      flush();
    });
  }

  return {
    write(stream: 'stdout' | 'stderr', text: string): void {
      // A character has at least one byte: past this many, the host has cut already.
      if (sentChars > outputBytes || typeof text !== 'string' || text === '') return;
      const part = text.slice(0, outputBytes + 1 - sentChars);
      sentChars += part.length;
      // In pieces: one frame of all that may be printed would be larger than the host takes.
      for (let at = 0; at < part.length; ) {
        const end = pieceEnd(part, at);
        add(stream === 'stderr' ? 'stderr' : 'stdout', part.slice(at, end));
        at = end;
      }
    },
    flush,
  };
}
