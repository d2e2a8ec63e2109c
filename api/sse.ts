import type { RunEvent } from '../runtime/run/record.ts';

const HEARTBEAT_MS = 15_000;

export const eventStreamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // Proxies that gather small writes would hold events back.
  'x-accel-buffering': 'no',
};

export const wantsEventStream = (accept: string | null): boolean =>
  accept?.toLowerCase().includes('text/event-stream') ?? false;

export interface EventStreamOptions {
  /** The client is gone. The run is not touched by that. */
  onDisconnect(): void;
  /** The source failed; the client gets no more than an end without `finished`, and may come back with Last-Event-ID. */
  onError(error: unknown): void;
  heartbeatMs?: number;
}

/**
 * Events as a server-sent event stream (WHATWG HTML, section 9.2). An event is taken from the source only when the client
 * has room for it, so a slow client costs no memory here. A comment follows every 15 quiet seconds.
 */
export function eventStream(events: AsyncIterable<RunEvent>, options: EventStreamOptions): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const source = events[Symbol.asyncIterator]();
  let heartbeat: NodeJS.Timeout | undefined;
  let ended = false;
  const end = () => {
    ended = true;
    clearInterval(heartbeat);
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        heartbeat = setInterval(() => {
          if (!ended && (controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(':\n\n'));
        }, options.heartbeatMs ?? HEARTBEAT_MS);
        heartbeat.unref();
      },
      async pull(controller) {
        try {
          const next = await source.next();
          if (ended) return;
          if (next.done) {
            end();
            controller.close();
          } else {
            heartbeat?.refresh();
            controller.enqueue(encoder.encode(eventText(next.value)));
          }
        } catch (error) {
          if (ended) return;
          end();
          options.onError(error);
          controller.close();
        }
      },
      cancel() {
        end();
        options.onDisconnect();
        source.return?.()?.catch(() => {});
      },
    },
    { highWaterMark: 1 },
  );
}

/** JSON has no raw line break, so one `data` line is always enough. */
const eventText = (event: RunEvent) => `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
