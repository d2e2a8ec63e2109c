/** A service whose answers come in pieces, as the host gives them to a guest. */

import { expect } from 'vitest';
import { run } from './harness.ts';
import { HostError, WithBytes } from './host.ts';

export type Piece = string | Uint8Array | HostError | Promise<string>;

export interface Told {
  cancelled: number[];
  fetches: any[];
  sent: string[];
  reads: number;
  /** The most bodies that were open at once. */
  most: number;
}

/** Each call is answered with these pieces, the first with the head; the last ends the body. */
export function service(pieces: (call: number) => Piece[], status = 200) {
  const told: Told = { cancelled: [], fetches: [], sent: [], reads: 0, most: 0 };
  const open = new Map<number, Piece[]>();
  let last = 0;
  const next = async (left: Piece[]) => {
    const piece = await left.shift();
    if (piece instanceof HostError) throw piece;
    return piece ?? '';
  };
  const host = {
    async fetch(args: any, bytes?: ArrayBuffer) {
      told.fetches.push(args);
      told.sent.push(Buffer.from(bytes ?? new ArrayBuffer(0)).toString());
      const left = [...pieces(told.fetches.length)];
      const first = left.length === 0 ? '' : await next(left);
      const head = { status, statusText: 'OK', headers: [['content-type', 'text/plain']], url: args.url };
      if (left.length === 0) return new WithBytes(head, first);
      open.set(++last, left);
      told.most = Math.max(told.most, open.size);
      return new WithBytes({ ...head, body: last }, first);
    },
    async 'fetch.read'({ body }: any) {
      told.reads++;
      const left = open.get(body);
      if (!left) throw new HostError('TypeError', 'The "body" argument is no open body of this run');
      const bytes = await next(left);
      if (left.length === 0) open.delete(body);
      return new WithBytes({ done: left.length === 0 }, bytes);
    },
    'fetch.cancel'(args: any) {
      told.cancelled.push(args.body ?? -args.call);
      open.delete(args.body);
      return null;
    },
  };
  return { host, told, open };
}

export const three = () => service(() => ['one ', 'two ', 'three']);

export async function value(code: string, { host }: { host: any } = three()) {
  const ended = await run(code, { path: '/workspace/main.js', host });
  expect(ended.error).toBeUndefined();
  return ended.result;
}
/** What most programs of these tests begin with. */
export const get = `const response = await fetch('https://a.b/');`;
