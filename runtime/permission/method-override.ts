/** Services that let a request say another method than its own: Rails, Laravel, Express and Symfony, Salesforce, SharePoint. */
import { bodyKind } from './body-kind.ts';
import { createFieldSearch } from './field-search.ts';

const inHeaders = new Set(['x-http-method-override', 'x-http-method', 'x-method-override']);
const search = createFieldSearch(['_method', '_httpmethod', ...inHeaders]);
/** Where a body of no clear kind is read as a form. */
const MAXIMUM_UNCLEAR = 64 * 1024;

/**
 * Whether a service might take the request for one of another method: then it is another operation than method and path
 * say. Read more loosely than parameters are: it is enough that some reader finds it. A body costs one pass over its
 * bytes, one to eight milliseconds for each MiB, whatever it holds: nothing is decoded but what may be such a name.
 */
export function namesAnotherMethod(
  url: URL,
  headers: readonly (readonly [string, string])[],
  body: Uint8Array | undefined,
): boolean {
  if (headers.some(([name]) => inHeaders.has(name.toLowerCase()))) return true;
  if (url.search !== '' && search.inForm(Buffer.from(url.search.slice(1), 'latin1'))) return true;
  if (body === undefined || body.length === 0) return false;
  const { form } = bodyKind(headers);
  if (form === 'opaque') return false;
  if (form === 'urlencoded') return search.inForm(body);
  if (form === 'json') return search.inJson(body);
  return search.inJson(body) || search.inParts(body) || search.inForm(body.subarray(0, MAXIMUM_UNCLEAR));
}
