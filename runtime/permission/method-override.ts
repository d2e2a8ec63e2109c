/** Services that let a request say another method than its own: Rails, Laravel, Express and Symfony, Salesforce, SharePoint. */
import { bodyKind } from './body-kind.ts';

const inHeaders = new Set(['x-http-method-override', 'x-http-method', 'x-method-override']);
const inFields = new Set(['_method', '_httpmethod', ...inHeaders]);
const names = [...inFields].join('|');
const inJson = new RegExp(`"\\s*(?:${names})\\s*"\\s*:`, 'i');
const inParts = new RegExp(`name\\s*=[\\s"]*(?:${names})\\b`, 'i');
/** Where a body of no clear kind is read as a form. */
const MAXIMUM_UNCLEAR = 64 * 1024;
const MAXIMUM_NAME = 200;
/** A form with more is not looked through, and counts as one that might. */
const MAXIMUM_FIELDS = 20_000;

/**
 * Whether a service might take the request for one of another method: then it is another operation than method and path
 * say. Read more loosely than parameters are: it is enough that some reader finds it.
 */
export function namesAnotherMethod(
  url: URL,
  headers: readonly (readonly [string, string])[],
  body: Uint8Array | undefined,
): boolean {
  if (headers.some(([name]) => inHeaders.has(name.toLowerCase()))) return true;
  if (url.search !== '' && isInForm(url.search.slice(1))) return true;
  if (body === undefined || body.length === 0) return false;
  const { form } = bodyKind(headers);
  if (form === 'opaque') return false;
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1');
  if (form === 'urlencoded') return isInForm(text);
  if (inJson.test(text.includes('\\u') ? unescapeJson(text) : text)) return true;
  return form === 'unclear' && (inParts.test(text) || isInForm(text.slice(0, MAXIMUM_UNCLEAR)));
}

function isInForm(text: string): boolean {
  // The long way only where a name can be one of them at all.
  if (!/[_x%+]/i.test(text)) return false;
  const pairs = text.split(/[&;]/, MAXIMUM_FIELDS + 1);
  if (pairs.length > MAXIMUM_FIELDS) return true;
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const name = equals === -1 ? pair : pair.slice(0, equals);
    if (name.length <= MAXIMUM_NAME && inFields.has(unescapeForm(name))) return true;
  }
  return false;
}

/** As PHP bends names: blanks in front and what follows a bracket or a NUL go, dots and blanks become underscores. */
const unescapeForm = (name: string) =>
  name
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .trim()
    .replace(/[[\0].*$/s, '')
    .replaceAll(/[. ]/g, '_')
    .toLowerCase();

const unescapeJson = (text: string) =>
  text.replace(/\\u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
