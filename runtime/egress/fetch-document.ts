/** Reads a document that somebody names by its URL: a connector's OpenAPI document, an issuer's keys. */
import type { ConnectTo } from '../connector/connector.ts';
import { decodeBody } from './decode-body.ts';
import { EgressError, type EgressRequest } from './egress.ts';
import { cleanRequestHeaders } from './headers.ts';
import { MAX_REDIRECTS, nextRequest } from './redirect.ts';
import { readTarget } from './target.ts';
import type { Upstream } from './upstream.ts';

/** `tenant`: who asks; connections that are kept or waited for are that tenant's. Errors: EgressError, of which `message` may be shown. */
export type FetchDocument = (tenant: string, url: string, options?: { signal?: AbortSignal }) => Promise<Uint8Array>;

export interface DocumentOptions {
  /** Default: 8 MiB. */
  maxBytes?: number;
  /** Default: 30 s. */
  timeoutMs?: number;
  /** An operator's, by origin. */
  connectTo?: Readonly<Record<string, ConnectTo>>;
}

/** Each redirect is judged like the first URL. No credential is sent. */
export function createFetchDocument(
  upstream: Pick<Upstream, 'send'>,
  { maxBytes = 8 * 1024 * 1024, timeoutMs = 30_000, connectTo = {} }: DocumentOptions = {},
): FetchDocument {
  return async (tenant, url, { signal } = {}) => {
    const inTime = AbortSignal.timeout(timeoutMs);
    const either = signal ? AbortSignal.any([signal, inTime]) : inTime;
    try {
      return await read(tenant, url, either);
    } catch (error) {
      if (inTime.aborted) throw new EgressError('upstream', `the document did not come within ${timeoutMs} ms`);
      throw error;
    }
  };

  async function read(tenant: string, first: string, signal: AbortSignal): Promise<Uint8Array> {
    let asked: EgressRequest = { method: 'GET', url: first, headers: [] };
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      const { url, origin } = readTarget(asked.url);
      const { headers } = cleanRequestHeaders(asked.headers, url);
      const answered = await upstream.send({
        tenant,
        connector: '',
        connectTo: Object.hasOwn(connectTo, origin) ? connectTo[origin] : undefined,
        method: 'GET',
        url,
        headers,
        signal,
      });
      const next = nextRequest(asked, { ...answered, url: url.href });
      if (!next && answered.status === 200) return whole(decodedBody(answered));
      await answered.body[Symbol.asyncIterator]().return?.();
      if (!next) throw new EgressError('upstream', `${url.host} answered ${answered.status} instead of a document`);
      asked = next;
    }
    throw new EgressError('upstream', `more than ${MAX_REDIRECTS} redirects`);
  }

  function decodedBody({ headers, body }: Awaited<ReturnType<Upstream['send']>>) {
    const codings = headers.filter(([name]) => name === 'content-encoding').map(([, value]) => value);
    return decodeBody(body, codings.join(','), maxBytes);
  }
}

async function whole(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}
