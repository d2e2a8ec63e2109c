/** Collects a run's output within one turn of the event loop, in order, so that a chatty guest costs few frames. */
const CHUNK_CHARS = 64 * 1024;

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

  return {
    write(stream: 'stdout' | 'stderr', text: string): void {
      // A character has at least one byte: past this many, the host has cut already.
      if (sentChars > outputBytes || typeof text !== 'string' || text === '') return;
      const part = text.slice(0, outputBytes + 1 - sentChars);
      sentChars += part.length;
      chars += part.length;
      const last = items.at(-1);
      const name = stream === 'stderr' ? 'stderr' : 'stdout';
      if (last && last[0] === name) last[1] += part;
      else items.push([name, part]);
      if (chars >= CHUNK_CHARS || items.length >= 1000) return flush();
      if (scheduled) return;
      scheduled = true;
      setImmediate(() => {
        scheduled = false;
        flush();
      });
    },
    flush,
  };
}
