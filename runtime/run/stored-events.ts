/** How the events of a run lie in the store: pieces of a bounded size, each under the number of its first event. */
import type { Store, Transaction } from '../store/store.ts';
import type { RunEvent } from './record.ts';
import { roughBytes } from './rough-bytes.ts';

/** Of one piece, about: what is read at once, by each caller who follows. One event alone may be larger. */
const PIECE_EVENTS = 1000;
const PIECE_BYTES = 1024 * 1024;

const eventsKey = (id: string, firstSeq: number) => ['run-events', id, firstSeq] as const;

/** Part of a transaction. `events` follow one another, after all that were put before. */
export function putEvents(tx: Transaction, id: string, events: readonly RunEvent[]): void {
  let from = 0;
  let bytes = 0;
  events.forEach((event, at) => {
    bytes += roughBytes(event);
    const isLast = at === events.length - 1;
    if (!isLast && at + 1 - from < PIECE_EVENTS && bytes < PIECE_BYTES) return;
    tx.put(eventsKey(id, (events[from] as RunEvent).seq), events.slice(from, at + 1));
    from = at + 1;
    bytes = 0;
  });
}

/** Those after `afterSeq`, in order, one piece in memory at a time; `finished` is not among them, it is made from the record. */
export async function* readEvents(store: Store, id: string, afterSeq = 0): AsyncGenerator<RunEvent[]> {
  const prefix = ['run-events', id];
  // The piece that holds the next event is the last one that does not begin behind it.
  const [first] = await store.range({
    prefix,
    after: eventsKey(id, afterSeq + 2),
    reverse: true,
    limit: 1,
    keysOnly: true,
  });
  if (!first) return;
  for (let after = eventsKey(id, Number(first.key[2]) - 1); ; ) {
    const [piece] = await store.range<RunEvent[]>({ prefix, after, limit: 1 });
    if (!piece) return;
    const events = piece.value.filter(({ seq }) => seq > afterSeq);
    if (events.length > 0) yield events;
    after = eventsKey(id, Number(piece.key[2]));
  }
}

/** Part of a transaction. */
export function deleteEvents(tx: Transaction, id: string): void {
  for (const { key } of tx.range({ prefix: ['run-events', id], keysOnly: true })) tx.delete(key);
}
