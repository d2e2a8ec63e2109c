/** Answers `fetch` of isolates: the whole request in, the whole response out. Arguments come from hostile code. */
import { EgressError, type RunEgress } from '../egress/egress.ts';
import type { Json } from '../json.ts';
import type { HostCall, HostReply } from '../sandbox/driver.ts';
import { ArgumentError, choiceArg, readArgs, textArg } from './guest-args.ts';

export interface GuestEgress {
  /** Never throws. */
  call(call: HostCall): Promise<HostReply>;
}

const redirects = ['follow', 'manual', 'error'] as const;

export function createGuestEgress(egress: RunEgress): GuestEgress {
  return {
    async call({ args, bytes }) {
      try {
        const given = readArgs(args, ['url', 'method', 'headers', 'redirect']);
        const response = await egress.request(
          {
            url: textArg(given, 'url'),
            method: textArg(given, 'method'),
            headers: headersArg(given.headers),
            ...(bytes === undefined || bytes.byteLength === 0 ? {} : { body: bytes }),
          },
          { redirect: given.redirect === undefined ? 'follow' : choiceArg(given, 'redirect', redirects) },
        );
        const { status, statusText, headers, url } = response;
        const body = await collect(response.body);
        return { ok: true, value: { status, statusText, headers, url } as Json, bytes: body };
      } catch (error) {
        if (error instanceof EgressError) return { ok: false, error: shown(error) };
        if (error instanceof ArgumentError) return { ok: false, error: { name: 'TypeError', message: error.message } };
        throw error;
      }
    },
  };
}

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

async function collect(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
}
