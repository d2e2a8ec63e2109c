/**
 * Answers `fetch` of isolates: the head as soon as it is there, the body piece by piece as the guest asks for it.
 * `fetch` {url, method, headers, redirect?, call?} + bytes -> {status, statusText, headers, url, body?} + the first bytes;
 * `fetch.read` {body} -> {done} + bytes; `fetch.cancel` {body} or {call}. Arguments come from hostile code.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { EgressError, type RunEgress } from '../egress/egress.ts';
import type { Json, JsonObject } from '../json.ts';
import type { HostCall, HostReply } from '../sandbox/driver.ts';
import { ArgumentError, choiceArg, countArg, readArgs, requiredCountArg, textArg } from './guest-args.ts';
import { createResponseBody, type ResponseBody } from './response-body.ts';

export interface GuestEgress {
  /** Never throws. */
  call(call: HostCall): Promise<HostReply>;
  /** The run is over: what is open ends, and nothing more is asked. */
  close(): void;
}

/** Calls that wait for their head and bodies that are open, of one run. */
export const MOST_OPEN = 64;
/** How long a head waits for a body that is about to be complete: most are, and need no further call then. */
const TOGETHER_MS = 2;

const redirects = ['follow', 'manual', 'error'] as const;

export function createGuestEgress(egress: Pick<RunEgress, 'request'>): GuestEgress {
  const bodies = new Map<number, ResponseBody>();
  /** Calls without a head yet, and those of them that the guest gave a number. */
  const asking = new Set<AbortController>();
  const numbered = new Map<number, AbortController>();
  let lastBody = 0;
  let isClosed = false;

  async function fetch(given: JsonObject, bytes: Uint8Array | undefined): Promise<HostReply> {
    const request = {
      url: textArg(given, 'url'),
      method: textArg(given, 'method'),
      headers: headersArg(given.headers),
      ...(bytes === undefined || bytes.byteLength === 0 ? {} : { body: bytes }),
    };
    const redirect = given.redirect === undefined ? 'follow' : choiceArg(given, 'redirect', redirects);
    const call = countArg(given, 'call');
    if (call !== undefined && numbered.has(call)) throw new ArgumentError('The "call" argument is a call under way');
    if (asking.size + bodies.size >= MOST_OPEN) return { ok: false, error: tooManyOpen };
    const abort = new AbortController();
    asking.add(abort);
    if (call !== undefined) numbered.set(call, abort);
    try {
      const response = await egress.request(request, { redirect, signal: abort.signal });
      const body = createResponseBody(response.body);
      const number = ++lastBody;
      asking.delete(abort);
      bodies.set(number, body);
      if (isClosed) drop(number);
      const { status, statusText, headers, url } = response;
      await Promise.race([body.complete, pause(TOGETHER_MS)]);
      const first = await piece(number, { wait: false });
      const value = { status, statusText, headers, url, ...(first.done ? {} : { body: number }) };
      return { ok: true, value: value as Json, bytes: first.bytes };
    } finally {
      asking.delete(abort);
      if (call !== undefined) numbered.delete(call);
    }
  }

  /** A body that ended or broke is not kept. */
  async function piece(number: number, options: { wait: boolean }): Promise<{ bytes: Uint8Array; done: boolean }> {
    const body = open(number);
    try {
      const read = await body.read(options);
      if (read.done) bodies.delete(number);
      return read;
    } catch (error) {
      if (!(error instanceof ArgumentError)) bodies.delete(number);
      throw error;
    }
  }

  function open(number: number): ResponseBody {
    const body = bodies.get(number);
    if (!body) throw new ArgumentError('The "body" argument is no open body of this run');
    return body;
  }

  function drop(number: number): void {
    bodies.get(number)?.cancel();
    bodies.delete(number);
  }

  function cancel(given: JsonObject): void {
    const [body, call] = [countArg(given, 'body'), countArg(given, 'call')];
    if ((body === undefined) === (call === undefined))
      throw new ArgumentError('exactly one of "body" and "call" is needed');
    if (call !== undefined) return numbered.get(call)?.abort(new EgressError('upstream', 'the call was given up'));
    // What ended by itself meanwhile is no fault; what never was is one.
    if (body === 0 || (body as number) > lastBody) open(body as number);
    drop(body as number);
  }

  async function answer({ op, args, bytes }: HostCall): Promise<HostReply> {
    if (isClosed) throw new EgressError('limit', 'the run is over');
    if (op === 'fetch') return fetch(readArgs(args, ['url', 'method', 'headers', 'redirect', 'call']), bytes);
    if (op === 'fetch.read') {
      const read = await piece(requiredCountArg(readArgs(args, ['body']), 'body'), { wait: true });
      return { ok: true, value: { done: read.done }, bytes: read.bytes };
    }
    if (op !== 'fetch.cancel') throw new ArgumentError('no such host call');
    cancel(readArgs(args, ['body', 'call']));
    return { ok: true };
  }

  return {
    async call(call) {
      try {
        return await answer(call);
      } catch (error) {
        if (error instanceof EgressError) return { ok: false, error: shown(error) };
        if (error instanceof ArgumentError) return { ok: false, error: { name: 'TypeError', message: error.message } };
        throw error;
      }
    },
    close() {
      isClosed = true;
      for (const abort of asking) abort.abort(new EgressError('limit', 'the run is over'));
      for (const number of [...bodies.keys()]) drop(number);
    },
  };
}

const tooManyOpen = {
  name: 'QuotaExceeded',
  message: `${MOST_OPEN} calls and responses of this run are open: read or cancel a body first`,
  code: 'EDQUOT',
};

/** As guests tell them apart: what was refused, what a limit ended, what the service or the way to it broke. */
export function shown({ name, message, reason, limit }: EgressError) {
  const code = reason === 'upstream' ? 'ECONNABORTED' : reason === 'limit' ? 'EDQUOT' : 'EGRESS_DENIED';
  return { name, message, code, ...(limit === undefined ? {} : { limit }) };
}

function headersArg(value: Json | undefined): [string, string][] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new ArgumentError('The "headers" argument must be a list of pairs');
  return value.map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[0] !== 'string' || typeof pair[1] !== 'string')
      throw new ArgumentError('The "headers" argument must be a list of pairs of text');
    return [pair[0], pair[1]];
  });
}
