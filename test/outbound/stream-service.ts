/** Responses that last as long as a test wants, and programs that read them. */
import { Readable } from 'node:stream';
import { expect } from 'vitest';
import type { SeenRequest, StandInAnswer } from '../egress/stand-in.ts';
import { type Crm, crmHost, startCrm } from './crm.ts';

export const MiB = 1024 * 1024;
export const url = (name: string) => `https://${crmHost}/v1/contacts/${name}`;
/** For many large bodies. */
export const mostBytes = { egressBytes: 4096 * MiB };
export const python = { language: 'python' };
/** Sent again and again. */
const block = Buffer.alloc(64 * 1024, 'x');

export interface StreamService {
  crm: Crm;
  /** Bodies that the service still sends, by name; the contact `seen` sends their last pieces. */
  open: Map<string, Readable>;
  /** Names of bodies whose reader went away. */
  readonly endedEarly: string[];
  /** Ends what is open. */
  forget(): void;
  /** What a program of the agent `reader` comes to. */
  result(code: string, more?: Record<string, unknown>): Promise<any>;
}

/** Contacts: `events` (one piece, then a wait), `head-only` (a head, then a wait), `bulk.N` and `sized.N` (N MiB, the latter with its length). */
export async function startStreams(): Promise<StreamService> {
  const open = new Map<string, Readable>();
  let endedEarly: string[] = [];

  function body(name: string, first?: string): Readable {
    const stream = new Readable({
      read() {},
      destroy(_error, done) {
        if (!stream.readableEnded) endedEarly.push(name);
        open.delete(name);
        done(null);
      },
    });
    if (first !== undefined) stream.push(first);
    open.set(name, stream);
    return stream;
  }

  /** So many bytes as fast as they are taken. */
  function bulk(name: string, bytes: number, length: boolean): StandInAnswer {
    let left = bytes;
    const stream = new Readable({
      highWaterMark: 1,
      read() {
        const part = block.subarray(0, Math.min(left, block.length));
        left -= part.length;
        this.push(part.length === 0 ? null : part);
      },
      destroy(_error, done) {
        if (!stream.readableEnded) endedEarly.push(name);
        done(null);
      },
    });
    return { body: stream, ...(length ? { headers: { 'content-length': String(bytes) } } : {}) };
  }

  function answer({ path }: SeenRequest): StandInAnswer | undefined {
    const [, name = '', size] = /^\/v1\/contacts\/([a-z-]+)\.?(\d*)/.exec(path) ?? [];
    if (name === 'seen') {
      for (const stream of [...open.values()]) {
        stream.push('data: last\n\n');
        stream.push(null);
      }
      return { body: { ok: true } };
    }
    if (name === 'events')
      return { headers: { 'content-type': 'text/event-stream' }, body: body(name, 'data: first\n\n') };
    if (name === 'head-only') return { body: body(name) };
    if (name === 'bulk') return bulk(name, Number(size) * MiB, false);
    if (name === 'sized') return bulk(name, Number(size) * MiB, true);
    return undefined;
  }

  const crm = await startCrm(answer, { CORDON_EGRESS_RESPONSE_BYTES: String(256 * MiB) });
  await crm.agent('reader', [{ operations: ['contacts.*:read'] }]);
  return {
    crm,
    open,
    get endedEarly() {
      return endedEarly;
    },
    forget() {
      for (const stream of open.values()) stream.destroy();
      endedEarly = [];
    },
    async result(code, more = {}) {
      const record = await crm.run('reader', code, more);
      expect(record.error).toBeUndefined();
      return record.result;
    },
  };
}
