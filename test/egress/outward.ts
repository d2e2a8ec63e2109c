/** What tests of the way out share: servers and upstreams that are closed after each test, a request, and how it went. */
import { afterEach } from 'vitest';
import type { ConnectTo } from '../../runtime/connector/connector.ts';
import { EgressError } from '../../runtime/egress/egress.ts';
import { createUpstream, type UpstreamOptions, type UpstreamRequest } from '../../runtime/egress/upstream.ts';
import { type StandInHandler, startStandIn } from './stand-in.ts';

/** Call at the top of a test file. What was opened last is closed first. */
export function outward() {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });
  function kept<T extends { close(): unknown }>(made: T): T {
    closing.push(() => made.close());
    return made;
  }
  return {
    kept,
    upstreamOf: (options: UpstreamOptions = {}) => kept(createUpstream(options)),
    standInOf: async (handler: StandInHandler, protocol: 'h2' | 'http/1.1' = 'http/1.1') =>
      kept(await startStandIn({ names: ['a.example'], protocols: [protocol], handler })),
  };
}

export const requestTo = (
  service: { connectTo: ConnectTo } | undefined,
  more: Omit<Partial<UpstreamRequest>, 'url'> & { url?: string } = {},
): UpstreamRequest => ({
  tenant: 't',
  connector: 'c',
  connectTo: service?.connectTo,
  method: 'GET',
  headers: [],
  ...more,
  url: new URL(more.url ?? 'https://a.example/'),
});

/** The whole body, a character for a byte. */
export async function text(body: AsyncIterable<Uint8Array>): Promise<string> {
  let all = '';
  for await (const chunk of body) all += Buffer.from(chunk).toString('latin1');
  return all;
}

/** `reason: message` of an EgressError. */
export const failure = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'answered',
    (error: unknown) => (error instanceof EgressError ? `${error.reason}: ${error.message}` : String(error)),
  );
